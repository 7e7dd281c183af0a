"""How samples are taken and judged: rounds, statistics, verdicts, comparisons."""
