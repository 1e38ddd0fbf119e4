"""Grades to tables: agreement with labels, item statistics, one self-contained page."""
