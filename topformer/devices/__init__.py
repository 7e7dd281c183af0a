"""Devices: how they are reached, described and kept clean."""
