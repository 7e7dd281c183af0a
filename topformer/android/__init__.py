"""The demo app from this side: what is embedded into it, and driving its build."""
