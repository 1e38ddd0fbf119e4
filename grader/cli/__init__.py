"""The command line. Importing it loads no model, no web stack and no validator."""

from grader.cli.app import app, main

__all__ = ["app", "main"]
