"""A bench as text: tables for the eye, and plain lines."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.comparison import Comparison, PartRatio
from topformer.benchmarks.documents.conditions import told_or_input_size
from topformer.benchmarks.documents.published import PublishedRow
from topformer.benchmarks.documents.rows import CountedRow, MeasuredRow, Row
from topformer.devices.facts.documents import CheckedOutput

NAME_CHARACTERS = 30
VERDICT_STYLES = {"trusted": "green", "noisy": "yellow", "throttled": "red"}
EMULATED_STYLE = "magenta"


def row_lines(document: BenchDocument) -> Iterator[str]:
    """One line a row, with what the tables say of it."""
    for row in document.measured_rows:
        total = row.total_ms
        yield (
            f"{row.name}: {total.p50:.2f} ms ({total.ci95[0]:.2f} to {total.ci95[1]:.2f}), "
            f"{row.total_over_execute.median:.2f} times the network's {row.execute_ms.p50:.2f} ms; "
            f"{row.verdict}{_begun(row)}{_random(row)}"
        )
    for row in document.counted_rows:
        counts = row.instructions
        yield (
            f"{row.name}: {millions(counts.total)} M instructions, the network "
            f"{millions(counts.execute)} M, on an emulated {counts.cpu}: no latency"
            f"{_begun(row)}{_random(row)}"
        )


def _start(row: Row) -> str | None:
    """What a row began with; None where it was of the network's input size."""
    size = "x".join(map(str, row.image_size))
    start = told_or_input_size(row.picture, row.image_size).text
    return None if start == size else start


def _begun(row: Row) -> str:
    start = _start(row)
    return f", from {start}" if start else ""


def _random(row: Row) -> str:
    return ", random weights" if row.weights.random else ""


def millions(count: int) -> str:
    """Write a count in millions, as in "199.06"."""
    return f"{count / 1e6:.2f}"


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Say how two rows compare, one line a part."""
    return (part_line(comparison, part) for part in comparison.parts)


def part_line(comparison: Comparison, part: PartRatio) -> str:
    """Say how one part compares, as in "B against A: network 7.35 to 7.70 ms, 1.048 times ..."."""
    what = "network" if part.part == "execute" else part.part
    against = f" against {comparison.baseline}"
    name = comparison.contender + ("" if comparison.baseline == comparison.contender else against)
    if part.interval is None:
        values = f"{part.baseline / 1e6:.3f} to {part.contender / 1e6:.3f} M instructions"
        return f"{name}: {what} {values}, {part.ratio:.4f} times: {part.verdict}"
    values = f"{part.baseline:.2f} to {part.contender:.2f} ms"
    low, high = part.interval
    return (
        f"{name}: {what} {values}, {part.ratio:.3f} times "
        f"({comparison.confidence:.0%} interval {low:.3f} to {high:.3f}, "
        f"{part.allowance:.1%} allowed): {part.verdict}"
    )


def heading(document: BenchDocument) -> str:
    """Say what was measured, as in "TopFormer tiny, 448x448 from 480x640, RANDOM weights"."""
    models = ", ".join(dict.fromkeys(map(_network, document.rows)))
    sizes = ", ".join(dict.fromkeys(map(_sizes, document.rows)))
    are_random = [row.weights.random for row in document.rows]
    weights = ", RANDOM weights" if all(are_random) else ", some weights RANDOM"
    return f"TopFormer {models}, {sizes}" + (weights if any(are_random) else "")


def _network(row: Row) -> str:
    return f"{row.variant} ({row.detection_head} detector)" if row.detection_head else row.variant


def _sizes(row: Row) -> str:
    start = _start(row)
    return "x".join(map(str, row.image_size)) + (f" from {start}" if start else "")


def _builds(rows: Sequence[Row]) -> str:
    """Say whose builds ran, as in "Library: PyPI's build (glibc)."."""
    builds = dict.fromkeys(row.build.text if row.build else "unknown" for row in rows)
    return f"Library: {', '.join(builds)}."


def place(document: BenchDocument) -> str:
    """Say where it was measured: the host's processor, or the devices."""
    devices = dict.fromkeys(row.device for row in document.rows)
    host = document.environment.cpu_model
    return ", ".join(host if device == "host" else device for device in devices)


def tables(document: BenchDocument) -> Iterator[Table]:
    """Where the time goes and how it spreads, or the instructions; each fits a narrow terminal."""
    title = f"{heading(document)}, on {place(document)}"
    if measured := document.measured_rows:
        yield _parts_table(measured, title)
        yield _spread_table(measured, document)
    if counted := document.counted_rows:
        yield _instructions_table(counted, title)
    if checked := [(row, row.check) for row in document.rows if row.check is not None]:
        yield _checks_table(checked)
    if document.published:
        yield _published_table(document.published)


def _parts_table(rows: Sequence[MeasuredRow], title: str) -> Table:
    table = _table("median ms", ["pre", "network", "post", "total", "95 %", "verdict"])
    table.title = title
    table.caption = _builds(rows)
    for row in rows:
        table.add_row(row.name, *_part_cells(row))
    return table


def _spread_table(rows: Sequence[MeasuredRow], document: BenchDocument) -> Table:
    table = _table("total ms", ["min", "p90", "p99", "max", "load", "first", "MiB"])
    for row in rows:
        table.add_row(row.name, *_spread_cells(row))
    protocol = document.protocol
    table.caption = (
        f"{protocol.mode}: {protocol.rounds} blocks of {protocol.samples_per_block} samples a row, "
        f"interleaved, in random order (seed {protocol.seed}). load: cold, in ms; first: the "
        "network's first run, in ms; MiB: peak memory of the process"
    )
    return table


def _instructions_table(rows: Sequence[CountedRow], title: str) -> Table:
    table = _table("M instructions", ["pre", "network", "post", "total", "CPU", "verdict"])
    table.title = title
    table.caption = (
        f"Medians of one inference each, counted under emulation: no latency. {_builds(rows)}"
    )
    for row in rows:
        counts = row.instructions
        parts = (counts.preprocess, counts.execute, counts.postprocess)
        table.add_row(
            row.name,
            *(millions(part) for part in parts),
            Text(millions(counts.total), style="bold"),
            counts.cpu,
            Text("emulated", style=EMULATED_STYLE),
        )
    return table


def _checks_table(rows: Sequence[tuple[Row, CheckedOutput]]) -> Table:
    table = _table("output against this machine's", ["SQNR dB", "results equal", "on", "cores"])
    for row, check in rows:
        table.add_row(
            row.name,
            "exact" if check.exact else f"{check.sqnr_db:.1f}",
            f"{check.result_agreement:.3%}",
            row.device,
            row.cores.cluster or row.cores.effective if row.cores else "any",
        )
    return table


def _published_table(rows: Sequence[PublishedRow]) -> Table:
    table = _table("published, median ms", ["pixels", "network"])
    for row in rows:
        size = "x".join(map(str, row.image_size))
        table.add_row(f"{row.variant}, {row.processor}", size, f"{row.execute_ms:.0f}")
    told = dict.fromkeys(
        f"{row.runtime}, {row.classes} classes: {row.includes}; {row.source}." for row in rows
    )
    table.caption = " ".join([*told, "Not measured here, and not to be ranked with what was."])
    return table


def _table(first: str, others: list[str]) -> Table:
    table = Table(
        title_justify="left", title_style="bold", caption_justify="left", box=SIMPLE_HEAD, padding=0
    )
    table.add_column(first, max_width=NAME_CHARACTERS)
    for name in others:
        table.add_column(f"  {name}", justify="right", no_wrap=True)
    return table


def _part_cells(row: MeasuredRow) -> list[str | Text]:
    low, high = row.total_ms.ci95
    medians = [row.preprocess_ms.p50, row.execute_ms.p50, row.postprocess_ms.p50]
    return [
        *(f"{median:.2f}" for median in medians),
        Text(f"{row.total_ms.p50:.2f}", style="bold"),
        f"{low:.2f}-{high:.2f}",
        Text(row.verdict, style=VERDICT_STYLES[row.verdict]),
    ]


def _spread_cells(row: MeasuredRow) -> list[str]:
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
        for reason in row.reasons if isinstance(row, MeasuredRow) else (_emulation(row),):
            rows_by_reason.setdefault(reason, []).append(row.name)
    for reason, names in rows_by_reason.items():
        yield f"{'; '.join(names)}: {reason}"


def half_precision_warnings(document: BenchDocument) -> Iterator[str]:
    """Say which rows in half precision ran on processors that have no such arithmetic."""
    have = {device.facts.name: device.facts.asimdhp for device in document.devices}
    is_x86 = document.environment.architecture in {"x86_64", "AMD64"}
    for row in document.rows:
        if row.precision != "fp16":
            continue
        if row.device == "host" and is_x86:
            yield f"{row.name}: x86 has no fast half precision; measure it on a phone."
        elif have.get(row.device) is False:
            yield f"{row.name}: {row.device} cannot compute in half precision (no asimdhp)."


def _emulation(row: CountedRow) -> str:
    return (
        f"emulation: the CPU is an emulated {row.instructions.cpu}; its instruction counts are a "
        "cost model and no latency. Measure on a real device for milliseconds."
    )
