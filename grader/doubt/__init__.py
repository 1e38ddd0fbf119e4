"""How sure a grade is: calibrated confidence, and what a wanted error sends to a person."""

from grader.doubt.calibration import (
    MOST_SURE,
    REFERENCE,
    Basis,
    Calibration,
    Doubt,
    Labelled,
    Part,
    basis_of,
    fit,
    grader_name,
    parts_of,
)
from grader.doubt.files import dump_doubts, load_doubt, read_doubts
from grader.doubt.own_labels import part_of, recalibrate
from grader.doubt.promise import CHANCE, Promise, labels_needed, lowest_error, promise

__all__ = [
    "CHANCE",
    "MOST_SURE",
    "REFERENCE",
    "Basis",
    "Calibration",
    "Doubt",
    "Labelled",
    "Part",
    "Promise",
    "basis_of",
    "dump_doubts",
    "fit",
    "grader_name",
    "labels_needed",
    "load_doubt",
    "lowest_error",
    "part_of",
    "parts_of",
    "promise",
    "read_doubts",
    "recalibrate",
]
