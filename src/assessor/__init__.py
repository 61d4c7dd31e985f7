"""Learners' work in, signed and re-runnable evidence out."""

__version__ = "0.1.0"
