"""Reproduce the weights that ship with the grader."""
