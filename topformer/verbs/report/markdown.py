"""A report as a table in Markdown, for a README or a pull request."""

from collections.abc import Iterator

from topformer.text import printable
from topformer.verbs.report.document import ReportDocument, ReportedFile
from topformer.verbs.report.judge import cost_text


def render_table(document: ReportDocument) -> str:
    """Write the files with their figures, and below them where these are from."""
    return "\n".join([*_rows(document), "", *_sources(document)]) + "\n"


def _rows(document: ReportDocument) -> Iterator[str]:
    yield f"| file | verdict | {document.measure}, % | cost | MB | proof, dB |"
    yield "|---|---|---|---|---|---|"
    for file in document.files:
        yield f"| {' | '.join(map(_cell, _values(file)))} |"


def _values(file: ReportedFile) -> Iterator[str]:
    accuracy = None if file.score is None else file.score.accuracy
    cost = file.cost
    yield file.name
    yield file.judgement.word
    yield "-" if accuracy is None else f"{100 * accuracy:.2f}"
    yield "-" if cost is None else cost_text(cost) + verdict_suffix(file)
    yield f"{file.size_bytes / 1e6:.2f}"
    yield f"{file.proof.steps[-1].worst.sqnr_db:.1f}"


def verdict_suffix(file: ReportedFile) -> str:
    """Say of a latency that is not to be trusted that it is not."""
    verdict = getattr(file.cost, "verdict", "trusted")
    return "" if verdict == "trusted" else f" ({verdict})"


def _sources(document: ReportDocument) -> Iterator[str]:
    scored, measured = document.scored_on, document.measured_on
    told = [f"Made on {document.made_at[:10]}"]
    if scored is not None:
        told.append(
            f"scored on {scored.dataset} {scored.split}, {scored.pictures:,} pictures stretched to "
            "each file's input"
        )
    if measured is not None and measured.emulated:
        told.append(f"instructions counted on an emulated {measured.place}, no latency")
    elif measured is not None:
        threads = f"{measured.threads} thread{'s' if measured.threads > 1 else ''}"
        told.append(f"measured on {measured.place}, {threads}, {measured.mode}")
    yield printable("; ".join(told)) + "."
    if any(file.random_weights for file in document.files):
        yield "Some weights are random: good for cost and nothing else."


def _cell(text: str) -> str:
    """Let a text be one cell, whatever is in it."""
    return printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
