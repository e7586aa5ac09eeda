"""Measurements of speed and memory: ``python -m bench``. Nothing here is a test."""
