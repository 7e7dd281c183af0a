"""Whole benches: rows side by side on this machine, on a device, or in the app."""
