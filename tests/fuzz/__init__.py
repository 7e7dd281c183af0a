"""Hostile inputs for every reader, made from good ones: see `__main__`."""
