"""Attention in Triton. Only ``support`` may be imported where Triton is not installed."""
