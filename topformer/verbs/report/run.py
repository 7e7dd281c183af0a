"""What `topformer report` does: make, prove, score and measure files, and say which to ship."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from topformer.console.output import print_result, warn
from topformer.console.progress import progress_display, show_progress_line
from topformer.console.screen import stderr
from topformer.console.tables import print_table
from topformer.console.weights import announce_random, weights_as
from topformer.data import dataset_task
from topformer.documents import encode_document
from topformer.errors import TopformerError, UsageError
from topformer.export.calibration import (
    DEFAULT_PICTURES,
    Calibration,
    bundled_calibration,
    dataset_calibration,
)
from topformer.files import ensure_writable_folder, without_query
from topformer.locks import only_run_in
from topformer.manifest import manifest_path
from topformer.sets import write_set
from topformer.tasks import task_named
from topformer.verbs.calibration import choose_calibration, warn_of_bundled
from topformer.verbs.report.data import ScoringData, open_data
from topformer.verbs.report.document import (
    ComparedPicture,
    FileScore,
    NotMade,
    ReportDocument,
    ReportedFile,
    ScoredOn,
)
from topformer.verbs.report.judge import RULE, Judged, cost_text, judge_files
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.make import ProvedFile, make_files
from topformer.verbs.report.markdown import render_table, verdict_suffix
from topformer.verbs.report.measure import Measured, MeasureOptions, cost_of, measure_files
from topformer.verbs.report.page import render_page, render_plot
from topformer.verbs.report.pictures import (
    Picture,
    ShownPicture,
    choose_pictures,
    compare_pictures,
)
from topformer.verbs.report.plan import Plan, make_plan
from topformer.verbs.report.scores import score_files

WORD_STYLES = {"ship": "bold green", "beaten": "dim", "failed": "bold red", "random": "yellow"}


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """The options of `topformer report`, as they were given."""

    sizes: Sequence[str]
    image_sizes: Sequence[str]
    precisions: Sequence[str]
    targets: Sequence[str]
    models: Sequence[str]
    # As a command line calls it.
    task: str | None
    detection_head: str | None
    dataset: str | None
    data: Path | None
    split: str
    calibration: str | None
    pictures: Path | None
    measure: MeasureOptions
    out: Path

    def command(self) -> str:
        """Write the command that repeats it; what an address carries as a query is left out."""
        words = ["topformer", "report"]
        for option, values in (
            ("--size", self.sizes),
            ("--image-size", self.image_sizes),
            ("--precision", self.precisions),
            ("--target", self.targets),
            ("--model", [without_query(model) for model in self.models]),
        ):
            words += [word for value in values for word in (option, value)]
        measure = self.measure
        for option, value, usual in (
            ("--task", self.task, None),
            ("--head", self.detection_head, None),
            ("--dataset", self.dataset, None),
            ("--data", self.data, None),
            ("--split", self.split, "val"),
            ("--calibration", self.calibration, None),
            ("--pictures", self.pictures, None),
            ("--device", measure.device, "host"),
            ("--serial", measure.serial, None),
            ("--cores", measure.cores, None),
            ("--threads", measure.threads, 1),
            ("--mode", measure.mode, "standard"),
            ("--max-start-temp", measure.max_start_temp_c, None),
            ("--out", self.out, None),
        ):
            words += [] if value == usual else [option, str(value)]
        return shlex.join(words)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """All that is known of the files."""

    files: Sequence[ProvedFile]
    not_made: Sequence[NotMade]
    scores: dict[str, FileScore]
    measured: Measured | None
    judged: Judged


def run(options: ReportOptions, *, as_json: bool) -> bool:
    """Make a report; false when a file could not be made, or failed its proof."""
    plan = make_plan(
        sizes=options.sizes,
        image_sizes=options.image_sizes,
        precisions=options.precisions,
        targets=options.targets,
        models=options.models,
        task=None if options.task is None else task_named(options.task),
        detection_head=options.detection_head,
        data_task=None if options.dataset is None else dataset_task(options.dataset),
    )
    options.measure.check(len(plan.exports) + len(plan.given))
    data = _open_data(options)
    calibration = _choose_calibration(options, data)
    pictures = choose_pictures(data, options.pictures)
    ensure_writable_folder(options.out)
    with only_run_in(options.out):
        document, written = _make(options, plan, data, calibration, pictures)
    _tell(document)
    print_result(document, [*_lines(document), *written], as_json=as_json)
    return document.succeeded


def _make(
    options: ReportOptions,
    plan: Plan,
    data: ScoringData | None,
    calibration: Calibration,
    pictures: Sequence[Picture],
) -> tuple[ReportDocument, list[Path]]:
    """Make, prove, score and measure the files; return the report, and where it is written."""
    kept = Kept(options.out)
    with progress_display() as show_progress, weights_as("--model "):
        files, not_made = make_files(plan, calibration, kept, show_progress)
        if not files:
            raise _nothing_made(not_made)
        scores = score_files(files, data, kept, show_progress) if data is not None else {}
    if any(file.was_calibrated_here for file in files):
        warn_of_bundled(calibration)
    measured = measure_files(files, options.measure, kept, show_progress_line)
    with progress_display() as show_progress:
        compared = list(compare_pictures(files, pictures, data, kept, show_progress))
    found = _Found(
        files=files,
        not_made=not_made,
        scores=scores,
        measured=measured,
        judged=judge_files(files, scores, measured),
    )
    document = _document(options, found, data, [told for told, _ in compared])
    return document, _write(document, measured, [shown for _, shown in compared], options.out)


def _open_data(options: ReportOptions) -> ScoringData | None:
    if (options.dataset is None) != (options.data is None):
        raise UsageError(
            "--dataset and --data go together.",
            why="--dataset says how the folder that --data names is laid out.",
            next_step="Give both, or neither: without them nothing is scored.",
        )
    if options.dataset is None or options.data is None:
        return None
    return open_data(options.dataset, options.data, options.split)


def _choose_calibration(options: ReportOptions, data: ScoringData | None) -> Calibration:
    """Take what was named, else the training pictures of the data set, else the bundled ones."""
    if options.calibration is not None or data is None:
        return choose_calibration(options.calibration, options.data, pictures=DEFAULT_PICTURES)
    try:
        return dataset_calibration(data.source, pictures=DEFAULT_PICTURES, seed=0)
    except TopformerError:
        # It holds what is scored on and no more.
        return bundled_calibration()


def _nothing_made(not_made: Sequence[NotMade]) -> TopformerError:
    """Make one error of many; that of the first says what to do."""
    first = not_made[0]
    kind = TopformerError if first.failed else UsageError
    others = len(not_made) - 1
    more = f" Nor could {others} other{'s' if others > 1 else ''} be made." if others else ""
    return kind(
        f"{first.name}: {first.what}", why=f"{first.why}{more}".strip(), next_step=first.next_step
    )


def _document(
    options: ReportOptions,
    found: _Found,
    data: ScoringData | None,
    pictures: Sequence[ComparedPicture],
) -> ReportDocument:
    scored_on = None
    if data is not None:
        scored_on = ScoredOn(
            dataset=data.source.key,
            split=data.split,
            pictures=data.pictures,
            sha256=data.sha256,
        )
    measured = found.measured
    return ReportDocument(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command(),
        rule=RULE,
        answers=found.judged.answers,
        files=tuple(_describe(file, found, options.out) for file in found.files),
        not_made=tuple(found.not_made),
        scored_on=scored_on,
        measured_on=None if measured is None else measured.describe(options.measure.threads),
        pictures=tuple(pictures),
    )


def _describe(file: ProvedFile, found: _Found, out: Path) -> ReportedFile:
    manifest = file.manifest
    assert manifest.file is not None
    row = found.measured.row_of(file.name) if found.measured is not None else None

    def shown(path: Path) -> str:
        return path.relative_to(out).as_posix() if file.origin == "exported" else str(path)

    return ReportedFile(
        name=file.name,
        path=shown(file.path),
        manifest=shown(manifest_path(file.path)),
        origin=file.origin,
        variant=manifest.model.variant,
        image_size=(manifest.input.height, manifest.input.width),
        precision=manifest.file.precision,
        target=manifest.file.target,
        runtime=file.runtime,
        size_bytes=manifest.file.size_bytes,
        sha256=manifest.file.sha256,
        weights=manifest.weights,
        random_weights=manifest.weights.is_random,
        proof=file.proof,
        delegation=manifest.delegation,
        score=found.scores.get(file.name),
        cost=None if row is None else cost_of(row),
        judgement=found.judged.judgements[file.name],
    )


def _write(
    document: ReportDocument,
    measured: Measured | None,
    pictures: Sequence[ShownPicture],
    out: Path,
) -> list[Path]:
    """Write page, plot, table and document, all at once."""
    bench = None if measured is None else measured.bench
    written = {
        out / "report.json": encode_document(document),
        out / "report.md": render_table(document).encode(),
    }
    plot, plot_path = render_plot(document), out / "frontier.svg"
    if plot is not None:
        written[plot_path] = plot.encode()
    written[out / "index.html"] = render_page(document, bench, pictures).encode()
    write_set(written)
    if plot is None:
        # An earlier report's, of which nothing is said here.
        plot_path.unlink(missing_ok=True)
    return list(written)


def _tell(document: ReportDocument) -> None:
    for one in document.not_made:
        word = "could not be made" if one.failed else "is not offered"
        warn(f"{one.name} {word}: {one.what} {one.why}")
    print_table(_table(document))
    random = next((file.weights for file in document.files if file.random_weights), None)
    if random is not None:
        announce_random(random)
    if document.scored_on is None:
        stderr().print(
            "no data: nothing is known of accuracy; add --dataset and --data", soft_wrap=True
        )


def _table(document: ReportDocument) -> Table:
    table = Table()
    table.add_column("verdict")
    table.add_column("file", overflow="fold")
    for heading in (document.measure, "cost", "MB", "proof dB"):
        table.add_column(heading, justify="right")
    table.add_column("why", overflow="fold")
    for file in document.files:
        accuracy = None if file.score is None else file.score.accuracy
        word = file.judgement.word
        table.add_row(
            Text(word, style=WORD_STYLES[word]),
            file.name,
            "-" if accuracy is None else f"{100 * accuracy:.2f}",
            "-" if file.cost is None else cost_text(file.cost) + verdict_suffix(file),
            f"{file.size_bytes / 1e6:.2f}",
            f"{file.proof.steps[-1].worst.sqnr_db:.1f}",
            file.judgement.reason,
        )
    return table


def _lines(document: ReportDocument) -> Sequence[str]:
    """Say what to ship, or of each file why not."""
    if document.answers:
        return [f"{answer.need}: {answer.file}, {answer.reason}" for answer in document.answers]
    return [f"{file.name}: {file.judgement.reason}" for file in document.files]
