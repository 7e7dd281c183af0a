"""The command line: one module a verb, each importing what is heavy only when it runs."""
