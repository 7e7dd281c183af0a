"""Rows measured on a device by the C++ runner."""
