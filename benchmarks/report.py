"""A bench as text: a table for the eye, and plain lines."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from topformer.benchmarks.documents import BenchDocument, Comparison, Row

NAME_CHARACTERS = 30
VERDICT_STYLES = {"trusted": "green", "noisy": "yellow", "throttled": "red"}


def summary_lines(document: BenchDocument) -> Iterator[str]:
    """One line a row, then one a comparison: for people and pipes alike."""
    for row in document.rows:
        total = row.total_ms
        yield (
            f"{row.name}: {total.p50:.2f} ms ({total.ci95[0]:.2f} to {total.ci95[1]:.2f}), "
            f"{row.total_over_execute.median:.2f} times the network's {row.execute_ms.p50:.2f} ms; "
            f"{row.verdict}" + (", random weights" if row.weights.random else "")
        )
    for comparison in document.comparisons:
        yield comparison_line(comparison)


def comparison_line(comparison: Comparison) -> str:
    """Say how two rows compare, as in "network: A takes 1.05 times as long as B"."""
    what = {"execute_ms": "network", "total_ms": "picture to labels"}[comparison.part]
    ratio = comparison.ratio
    return (
        f"{what}: {comparison.row} takes {ratio.median:.3f} times as long as "
        f"{comparison.baseline} ({ratio.confidence:.0%} interval {ratio.interval[0]:.3f} to "
        f"{ratio.interval[1]:.3f}): {comparison.verdict}"
    )


def heading(document: BenchDocument) -> str:
    """Say what was measured, as in "TopFormer tiny, 448x448, RANDOM weights"."""
    models = ", ".join(dict.fromkeys(row.variant for row in document.rows))
    sizes = ", ".join(dict.fromkeys("x".join(map(str, r.image_size)) for r in document.rows))
    random = any(row.weights.random for row in document.rows)
    return f"TopFormer {models}, {sizes}" + (", RANDOM weights" if random else "")


def tables(document: BenchDocument) -> tuple[Table, Table]:
    """Where the time goes, and how it spreads; each fits a narrow terminal."""
    parts = _table("median ms", ["pre", "network", "labels", "total", "95 %", "verdict"])
    parts.title = escape(f"{heading(document)}, on {document.environment.cpu_model}")
    spread = _table("total ms", ["min", "p90", "p99", "max", "load", "first", "MiB"])
    for row in document.rows:
        parts.add_row(escape(row.name), *_part_cells(row))
        spread.add_row(escape(row.name), *_spread_cells(row))
    protocol = document.protocol
    spread.caption = (
        f"{protocol.mode}: {protocol.rounds} blocks of {protocol.samples_per_block} samples a row, "
        f"in turns, in random order (seed {protocol.seed}). load: cold, in ms; first: the "
        "network's first run, in ms; MiB: peak memory of the process"
    )
    return parts, spread


def _table(first: str, others: list[str]) -> Table:
    table = Table(
        title_justify="left", title_style="bold", caption_justify="left", box=SIMPLE_HEAD, padding=0
    )
    table.add_column(first, max_width=NAME_CHARACTERS)
    for name in others:
        table.add_column(f"  {name}", justify="right", no_wrap=True)
    return table


def _part_cells(row: Row) -> list[str]:
    low, high = row.total_ms.ci95
    style = VERDICT_STYLES[row.verdict]
    medians = [row.preprocess_ms.p50, row.execute_ms.p50, row.labels_ms.p50]
    return [
        *(f"{median:.2f}" for median in medians),
        f"[bold]{row.total_ms.p50:.2f}[/bold]",
        f"{low:.2f}-{high:.2f}",
        f"[{style}]{row.verdict}[/{style}]",
    ]


def _spread_cells(row: Row) -> list[str]:
    total = row.total_ms
    tail = [total.min, total.p90, total.p99, max(total.samples)]
    return [
        *(f"{value:.2f}" for value in tail),
        f"{row.load_ms:.0f}",
        f"{row.first_execute_ms:.0f}",
        f"{row.peak_memory_bytes / 2**20:.0f}",
    ]


def reasons(document: BenchDocument) -> Iterator[str]:
    """Why rows are not trusted, each reason once with the rows it holds for."""
    rows_by_reason: dict[str, list[str]] = {}
    for row in document.rows:
        for reason in row.reasons:
            rows_by_reason.setdefault(reason, []).append(row.name)
    for reason, names in rows_by_reason.items():
        yield f"{'; '.join(names)}: {reason}"
