"""Measurements of this project, run by hand: `python -m topformer.benchmarks.studies.NAME`."""
