"""Processes that measure one row each, here, on a device and in the demo app."""
