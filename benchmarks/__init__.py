"""Latency, measured so that it can be trusted: protocol, statistics, verdicts, workers, reports."""
