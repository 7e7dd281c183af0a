"""A bench for the eye: tables, plots, and the gate for CI."""
