"""Grade short free-text and choice answers of technical courses, in English and Spanish."""

__version__ = "0.1.0"
