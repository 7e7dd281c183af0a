"""Rows measured by the demo app on a device."""
