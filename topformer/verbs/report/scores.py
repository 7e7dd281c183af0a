"""The scores of a report's files on the user's data, unless they are known already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topformer.console.output import warn
from topformer.console.progress import ProgressDisplay
from topformer.data import Dataset
from topformer.data.layouts import FoundPairs
from topformer.devices.machine import library_versions
from topformer.documents import encode_document, read_document
from topformer.errors import TopformerError
from topformer.evaluation.scored_model import open_scored_model
from topformer.files import atomic_write, sha256_bytes, sha256_file
from topformer.verbs.eval import report
from topformer.verbs.eval.document import EvalDocument
from topformer.verbs.eval.score import score
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.make import ProvedFile

# Of a data set with many pictures and classes.
LIMIT_BYTES = 256 * 2**20


@dataclass(frozen=True, kw_only=True)
class ScoringData:
    """A split that files are scored on."""

    dataset: Dataset
    split: str
    found: FoundPairs
    # Of the names and contents of all its pictures and label files, and the classes' names.
    sha256: str


def open_data(dataset: Dataset, split: str) -> ScoringData:
    """Find a split, and hash it; raises `TopformerError` where it is not as it should be."""
    found = dataset.split(split)
    lines = [repr(found.table), *dataset.classes.names]
    for pair in found.pairs:
        lines += [pair.picture.name, sha256_file(pair.picture), sha256_file(pair.labels)]
    digest = sha256_bytes("\n".join(lines).encode(errors="surrogateescape"))
    return ScoringData(dataset=dataset, split=split, found=found, sha256=digest)


def score_files(
    files: Sequence[ProvedFile], data: ScoringData, kept: Kept, show_progress: ProgressDisplay
) -> dict[str, tuple[EvalDocument, Path]]:
    """Score every file that passed its proof; its document and where that lies, by its name.

    Files of another number of classes are passed over, with a warning. Raises `TopformerError`
    where that leaves none.
    """
    scores: dict[str, tuple[EvalDocument, Path]] = {}
    for file in _fitting([file for file in files if file.proof.passed], data.dataset):
        name = f"score {file.name}"
        facts = {"sha256": file.sha256, "data": data.sha256, "versions": library_versions()}
        known = kept.find(name, facts)
        if known is not None:
            path = known[0]
            document = read_document(
                path, EvalDocument, limit_bytes=LIMIT_BYTES, called="score document"
            )
        else:
            document = _score(file, data, show_progress)
            path = kept.place("scores", file.name, ".json")
            atomic_write(path, encode_document(document))
            kept.note(name, facts, [path])
        scores[file.name] = document, path
    return scores


def _fitting(files: Sequence[ProvedFile], dataset: Dataset) -> list[ProvedFile]:
    """Return the files that tell as many classes apart as the data has."""
    own = dataset.classes
    fitting = [file for file in files if file.manifest.model.num_classes == len(own.names)]
    others = [file for file in files if file not in fitting]
    if others and not fitting:
        raise TopformerError(
            f"No file was made for {own.dataset}.",
            why=f"It has {len(own.names)} classes, and {others[0].name} tells "
            f"{others[0].manifest.model.num_classes} apart.",
            next_step="Pass the --dataset that they were trained on, or leave --dataset and "
            "--data out.",
        )
    for file in others:
        warn(
            f"{file.name} is not scored: it tells {file.manifest.model.num_classes} classes "
            f"apart, and {own.dataset} has {len(own.names)}."
        )
    return fitting


def _score(file: ProvedFile, data: ScoringData, show_progress: ProgressDisplay) -> EvalDocument:
    show_progress(f"opening {file.name}")
    done = score(
        str(file.path),
        open_scored_model(file.path, data.dataset),
        data.found,
        dataset=data.dataset,
        split=data.split,
        show_progress=show_progress,
        what=f"{file.name} on {data.split}",
    )
    warning = report.names_warning(done.scored_model.opened.manifest.classes, done.dataset.classes)
    if warning:
        warn(f"{file.name}: {warning}")
    return report.document(done, ())
