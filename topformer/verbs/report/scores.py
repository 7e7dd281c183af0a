"""The scores of a report's files on the user's data, unless they are known already."""

from collections.abc import Sequence

from topformer.console.output import warn
from topformer.console.progress import ProgressDisplay
from topformer.devices.machine import library_versions
from topformer.documents import encode_document
from topformer.errors import TopformerError
from topformer.files import atomic_write
from topformer.verbs.eval.report import names_warning
from topformer.verbs.report.data import ScoringData
from topformer.verbs.report.document import FileScore
from topformer.verbs.report.kept import Kept
from topformer.verbs.report.make import ProvedFile


def score_files(
    files: Sequence[ProvedFile], data: ScoringData, kept: Kept, show_progress: ProgressDisplay
) -> dict[str, FileScore]:
    """Score every file that passed its proof; by its name.

    Files for another task or of another number of classes are passed over, with a warning. Raises
    `TopformerError` where that leaves none.
    """
    scores: dict[str, FileScore] = {}
    for file in _fitting([file for file in files if file.proof.passed], data):
        warning = names_warning(file.manifest.classes, data.classes)
        if warning:
            warn(f"{file.name}: {warning}")
        name = f"score {file.name}"
        facts = {"file": file.identity, "data": data.sha256, "versions": library_versions()}
        known = kept.find(name, facts)
        if known is not None:
            path = known[0]
            document = data.read(path)
        else:
            show_progress(f"opening {file.name}")
            document = data.score(file.path, f"{file.name} on {data.split}", show_progress)
            path = kept.place("scores", file.name, ".json")
            atomic_write(path, encode_document(document))
            kept.note(name, facts, [path])
        scores[file.name] = data.figures(document, path.relative_to(kept.folder).as_posix())
    return scores


def _fitting(files: Sequence[ProvedFile], data: ScoringData) -> list[ProvedFile]:
    """Return the files that are for the data's task, and tell as many classes apart."""
    unlike = {file.name: why for file in files if (why := misfit(file, data))}
    if files and len(unlike) == len(files):
        first = files[0].name
        raise TopformerError(
            f"No file was made for {data.classes.dataset}.",
            why=f"{first} {unlike[first]}.",
            next_step="Pass the --dataset that they were trained on, or leave --dataset and "
            "--data out.",
        )
    for name, why in unlike.items():
        warn(f"{name} is not scored: it {why}.")
    return [file for file in files if file.name not in unlike]


def misfit(file: ProvedFile, data: ScoringData) -> str:
    """Say in what a file does not fit the data; empty where it does."""
    model, own = file.manifest.model, data.classes
    if model.task != data.task:
        return f"is for {model.task}, and {own.dataset} has what is needed for {data.task}"
    if model.num_classes != len(own.names):
        return f"tells {model.num_classes} classes apart, and {own.dataset} has {len(own.names)}"
    return ""
