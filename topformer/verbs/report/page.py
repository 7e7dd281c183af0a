"""The page of a report: one HTML file with everything in it, and the first plot as an SVG.

All that others named (files, classes, devices, processors) is text on it: the template escapes
markup, and what steers or turns text is shown as an escape. It has no script, and its policy allows
none; pictures are inside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from topformer import __version__
from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.documents.rows import MeasuredRow
from topformer.drawing import percent
from topformer.text import printable
from topformer.verbs.report.document import (
    CountedCost,
    MeasuredCost,
    ReportDocument,
    ReportedFile,
)
from topformer.verbs.report.judge import NEEDS
from topformer.verbs.report.pictures import ShownPicture
from topformer.verbs.report.plots import Key, cost_title, draw_figures, keys_of, legend_of


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something to know before the figures are read."""

    text: str
    bad: bool = False


@dataclass(frozen=True, kw_only=True)
class AnswerCard:
    """One file, and all the needs that it is best for."""

    needs: str
    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """A file as the table shows it: texts, and bars as per cent of the largest."""

    file: ReportedFile
    # Without its folder.
    path: str
    key: Key
    accuracy: str
    points: str
    cost: str
    cost_share: int | None
    doubt: str
    size: str
    size_share: int
    proof: str
    equal: str
    ill: int


def render_page(
    document: ReportDocument, bench: BenchDocument | None, pictures: Sequence[ShownPicture]
) -> str:
    """Write a report as HTML."""
    keys = keys_of(document.files)
    figures = list(draw_figures(document))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            document=document,
            version=__version__,
            title=_title(document),
            subtitle=", ".join(_subtitle(document)),
            notes=list(_notes(document)),
            answers=_cards(document),
            figures=figures,
            keys=keys,
            legend=legend_of(document.files),
            any_ship=any(file.judgement.word == "ship" for file in document.files),
            has_scores=any(file.score is not None for file in document.files),
            has_costs=any(file.cost is not None for file in document.files),
            cost_title="M instructions" if _is_counted(document) else cost_title(document),
            rows=_rows(document, keys),
            pictures=pictures,
            how=list(_how(document, bench)),
        )
    )


def render_plot(document: ReportDocument) -> str | None:
    """Write the first plot as an SVG of its own; None where there is none."""
    figure = next(draw_figures(document), None)
    if figure is None:
        return None
    chart = next(chart for chart in figure.charts if chart.kind == "wide")
    template = _environment().get_template("frontier.svg.j2")
    return template.render(chart=chart, hint=figure.hint).strip() + "\n"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("topformer.verbs.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["percent"] = percent
    environment.filters["share"] = _share
    return environment


def _finalize(value: object) -> object:
    """Show texts of others as text."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _share(value: float) -> str:
    """Write a share in per cent, never rounded up to all."""
    if value == 1.0:
        return "100 %"
    return f"{min(100 * value, 99.9999):.4f}".rstrip("0").rstrip(".") + " %"


def _title(document: ReportDocument) -> str:
    names = {answer.file for answer in document.answers}
    # What is cheap is no answer while nobody knows what it finds.
    if len(names) == 1 and document.scored_on is not None:
        return f"Ship {names.pop()}"
    return "Which file to ship" if document.files else "No file could be made"


def _subtitle(document: ReportDocument) -> Iterator[str]:
    variants = dict.fromkeys(file.variant for file in document.files)
    count = len(document.files)
    yield f"{count} file{'s' if count != 1 else ''} of TopFormer {', '.join(variants)}".rstrip()
    if document.scored_on is not None:
        on = document.scored_on
        yield f"scored on {on.dataset} {on.split} ({on.pictures:,} pictures)"
    if document.measured_on is not None:
        on = document.measured_on
        word = "instructions counted on an emulated" if on.emulated else "measured on"
        yield f"{word} {on.place}"
    yield document.made_at[:10]


def _notes(document: ReportDocument) -> Iterator[Note]:
    if any(file.random_weights for file in document.files):
        every = all(file.random_weights for file in document.files)
        yield Note(
            text=f"{'The' if every else 'Some'} weights are RANDOM: good for cost and for trying "
            "the toolchain. What such a file finds means nothing, and none of them is to be "
            "shipped."
        )
    failed = [file.name for file in document.files if not file.proof.passed]
    if failed:
        yield Note(text=f"The proof failed of {', '.join(failed)}. Do not ship.", bad=True)
    if document.scored_on is None and document.files:
        yield Note(
            text="No data was given, so nothing is known of accuracy: files of "
            "another size or precision cannot be ranked. Add --dataset and --data."
        )
    if _is_counted(document):
        yield Note(
            text="The device is emulated: costs are ARM instructions, a cost model and no latency."
        )
    doubtful = {
        reason: None
        for file in document.files
        if isinstance(file.cost, MeasuredCost)
        for reason in file.cost.reasons
    }
    if doubtful:
        rows = sum(
            isinstance(file.cost, MeasuredCost) and bool(file.cost.reasons)
            for file in document.files
        )
        causes = ", ".join(dict.fromkeys(reason.partition(":")[0] for reason in doubtful))
        yield Note(text=f"{rows} of the latencies are not to be trusted ({causes}): measure again.")
    unmeasured = [file.name for file in document.files if file.proof.passed and file.cost is None]
    if unmeasured:
        yield Note(text=f"Not measured, for the device does not run it: {', '.join(unmeasured)}.")


def _cards(document: ReportDocument) -> list[AnswerCard]:
    """Put needs that one file serves best into one card."""
    words: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    counted = _is_counted(document)
    for answer in document.answers:
        word = "fewest instructions" if counted and answer.need == "speed" else NEEDS[answer.need]
        words.setdefault(answer.file, []).append(word)
        reasons[answer.file] = answer.reason
    return [
        AnswerCard(needs=_capital(", ".join(found)), file=name, reason=reasons[name])
        for name, found in words.items()
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rows(document: ReportDocument, keys: dict[str, Key]) -> list[FileRow]:
    """Write the table's rows: those to ship first, of these the most accurate."""
    scores = [score for file in document.files if (score := _accuracy(file)) is not None]
    costs = [cost for file in document.files if (cost := _cost(file)) is not None]
    best, slowest = max(scores, default=0.0), max(costs, default=1.0)
    largest = max((file.size_bytes for file in document.files), default=1)
    order = ("ship", "beaten", "random", "failed")
    rows: list[FileRow] = []
    ranked = sorted(
        document.files,
        key=lambda one: (
            order.index(one.judgement.word),
            -(_accuracy(one) or 0.0),
            _cost(one) or 0.0,
        ),
    )
    for file in ranked:
        accuracy, cost, step = _accuracy(file), _cost(file), file.proof.steps[-1]
        below = 0.0 if accuracy is None else 100 * (accuracy - best)
        rows.append(
            FileRow(
                file=file,
                path=file.path.rpartition("/")[2],
                key=keys[file.name],
                accuracy="" if accuracy is None else f"{100 * accuracy:.2f}",
                points="" if abs(below) < 0.005 else f"{below:+.2f} points",
                cost="" if cost is None else f"{cost:.2f}",
                cost_share=None if cost is None else round(100 * cost / slowest),
                doubt=_doubt(file),
                size=f"{file.size_bytes / 1e6:.2f}",
                size_share=round(100 * file.size_bytes / largest),
                proof=f"{step.worst.sqnr_db:.1f}",
                equal=f"{_share(step.worst.result_agreement)} equal",
                ill=sum(entry.ill_conditioned for entry in step.inputs),
            )
        )
    return rows


def _accuracy(file: ReportedFile) -> float | None:
    return None if file.score is None else file.score.accuracy


def _cost(file: ReportedFile) -> float | None:
    if file.cost is None:
        return None
    return file.cost.total / 1e6 if isinstance(file.cost, CountedCost) else file.cost.total_ms


def _doubt(file: ReportedFile) -> str:
    cost = file.cost
    if not isinstance(cost, MeasuredCost) or cost.verdict == "trusted":
        return ""
    causes = ", ".join(dict.fromkeys(reason.partition(":")[0] for reason in cost.reasons))
    return f"{cost.verdict}: {causes}"


def _is_counted(document: ReportDocument) -> bool:
    return document.measured_on is not None and document.measured_on.emulated


def _how(document: ReportDocument, bench: BenchDocument | None) -> Iterator[tuple[str, str]]:
    """Say what was measured, where and how, a line each."""
    scored = document.scored_on
    if scored is not None:
        yield (
            "accuracy",
            f"{document.measure} over the {scored.pictures:,} pictures of {scored.dataset} "
            f"{scored.split} (sha256 {scored.sha256[:12]}), each stretched to the file's input and "
            "scored at its own size, in the file's own runtime on this machine",
        )
    if bench is None or document.measured_on is None:
        yield "cost", "not measured"
        return
    yield from _how_measured(document.measured_on.threads, bench)
    environment = bench.environment
    yield "versions", ", ".join(f"{name} {text}" for name, text in environment.libraries.items())


def _how_measured(threads: int, bench: BenchDocument) -> Iterator[tuple[str, str]]:
    protocol, environment = bench.protocol, bench.environment
    detects = all(row.detection_head for row in bench.rows)
    found = "boxes" if detects else "labels at full size"
    what = f"from a picture in memory to its {found}"
    if not bench.measured_rows:
        yield "cost", f"ARM instructions of one inference {what}, counted under emulation"
    else:
        yield (
            "cost",
            f"median milliseconds {what}, {threads} thread{'s' if threads > 1 else ''}; "
            f"{protocol.mode} bench: {protocol.rounds} blocks of {protocol.samples_per_block} runs "
            f"a file, interleaved in random order (seed {protocol.seed}), whiskers: 95 %",
        )
    for device in bench.devices:
        facts = device.facts
        yield "device", f"{facts.name}{' (emulated)' if facts.emulated else ''}"
    if not bench.devices:
        yield "processor", f"{environment.cpu_model}, {environment.cpu_count} CPUs"
        yield "system", environment.os + (", virtual" if environment.virtual_machine else "")
    if environment.load_average_before is not None:
        before, after = environment.load_average_before, environment.load_average_after
        told = f"{before[0]:.1f} before" + (f", {after[0]:.1f} after" if after else "")
        yield "load of this machine", told
    yield "when", environment.started_at
    trusted = sum(isinstance(row, MeasuredRow) and row.verdict == "trusted" for row in bench.rows)
    if bench.measured_rows:
        yield "trusted", f"{trusted} of {len(bench.measured_rows)} rows"
