"""The files of a report: exported and proved, or taken and proved again, unless that was done."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from topformer.devices.machine import library_versions
from topformer.documents import encode_document, read_document
from topformer.errors import TopformerError, UsageError
from topformer.export import export_model
from topformer.export.calibration import Calibration
from topformer.export.precisions import get_precision
from topformer.export.verification import verify_file
from topformer.files import atomic_write, sha256_bytes, sha256_file
from topformer.manifest import (
    MANIFEST_LIMIT_BYTES,
    Manifest,
    Parity,
    manifest_path,
    read_manifest_of,
)
from topformer.runtimes import runtime_of
from topformer.verbs.report.document import NotMade
from topformer.verbs.report.kept import Kept, in_paths
from topformer.verbs.report.plan import Export, Plan, Source
from topformer.verbs.verify import VerifyDocument
from topformer.weights import load_weights
from topformer.weights.loading import LoadedWeights

OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ProvedFile:
    """A file whose proof is known, passed or not."""

    name: str
    path: Path
    origin: Literal["exported", "given"]
    manifest: Manifest
    proof: Parity

    @property
    def sha256(self) -> str:
        """Of the file."""
        assert self.manifest.file is not None
        return self.manifest.file.sha256

    @property
    def identity(self) -> tuple[str, str]:
        """Hashes of the file and its manifest, which says how to use it: what results stand for."""
        return self.sha256, sha256_bytes(encode_document(self.manifest))

    @property
    def was_calibrated_here(self) -> bool:
        """Whether this report chose the pictures that its precision learnt from."""
        assert self.manifest.file is not None
        return self.origin == "exported" and self.manifest.file.calibration is not None

    @property
    def runtime(self) -> str:
        """What runs it; one that failed its proof has another suffix after its own."""
        return runtime_of(self.path.name.removesuffix(".failed"))


def make_files(
    plan: Plan, calibration: Calibration, kept: Kept, on_progress: OnProgress
) -> tuple[list[ProvedFile], list[NotMade]]:
    """Export what is missing and prove what was given; what cannot be made is told, not raised."""
    made: dict[str, ProvedFile] = {}
    weights: dict[Source, LoadedWeights] = {}
    not_made: list[NotMade] = []
    for (source, _, _), exports in groupby(
        plan.exports, key=lambda one: (one.source, one.image_size, one.precision)
    ):
        if source not in weights:
            on_progress(f"loading the weights of {source.label}")
            weights[source] = load_weights(
                source.weights,
                variant=source.variant,
                task=source.task,
                detection_head=source.detection_head,
            )
        for one in _export_all(weights[source], list(exports), calibration, kept, on_progress):
            if isinstance(one, ProvedFile):
                made[one.name] = one
            else:
                not_made.append(one)
    files = list(made.values())
    for path in plan.given:
        name = _free_name(path.name, {file.name for file in files})
        files.append(_take(name, path, kept, on_progress))
    return files, not_made


def _free_name(name: str, taken: Iterable[str]) -> str:
    """Tell a file from those before it, in the names of its results too."""
    taken, number, free = set(map(in_paths, taken)), 1, name
    while in_paths(free) in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _export_all(
    loaded: LoadedWeights,
    exports: Sequence[Export],
    calibration: Calibration,
    kept: Kept,
    on_progress: OnProgress,
) -> list[ProvedFile | NotMade]:
    """Export one network in one precision to its targets, those that were not kept in one go."""
    pictures = _pictures_of(calibration) if get_precision(exports[0].precision).calibrated else ""
    facts = {
        export: {
            "weights": loaded.info.sha256,
            "classes": loaded.classes.names,
            "image_size": export.image_size,
            "precision": export.precision,
            "target": export.target,
            "calibration": pictures,
            "versions": library_versions(),
        }
        for export in exports
    }
    done: dict[Export, ProvedFile | NotMade] = {}
    for export in exports:
        files = kept.find(f"export {export.name}", facts[export])
        if files is not None:
            done[export] = _exported(export, files[0])
    missing = [export for export in exports if export not in done]
    for export, path in _export(missing, calibration, kept.folder, on_progress).items():
        if isinstance(path, NotMade):
            done[export] = path
        else:
            kept.note(f"export {export.name}", facts[export], [path, manifest_path(path)])
            done[export] = _exported(export, path)
    return [done[export] for export in exports]


def _pictures_of(calibration: Calibration) -> str:
    """What tells one set of pictures from another."""
    pictures = calibration.paths or ()
    return "\n".join([calibration.source, *map(sha256_file, pictures)])


def _export(
    exports: Sequence[Export], calibration: Calibration, folder: Path, on_progress: OnProgress
) -> dict[Export, Path | NotMade]:
    """Export to several targets at once; where that fails, to one after the other."""
    if not exports:
        return {}
    first = exports[0]
    try:
        result = export_model(
            weights=first.source.weights,
            variant=first.source.variant,
            task=first.source.task,
            detection_head=first.source.detection_head,
            targets=[export.target for export in exports],
            precisions=[first.precision],
            image_size=first.image_size,
            out_dir=folder / "files" / first.source.label,
            calibration=calibration,
            on_progress=lambda doing: on_progress(f"{first.name}: {doing}"),
        )
    except TopformerError as error:
        if len(exports) == 1:
            return {first: _not_made(first.name, error)}
        return {
            export: made
            for one in exports
            for export, made in _export([one], calibration, folder, on_progress).items()
        }
    return {export: file.path for export, file in zip(exports, result.files, strict=True)}


def _not_made(name: str, error: TopformerError) -> NotMade:
    return NotMade(
        name=name,
        what=error.what,
        why=error.why,
        next_step=error.next_step,
        # What a target or precision does not offer is no failure of this one.
        failed=not isinstance(error, UsageError),
    )


def _exported(export: Export, path: Path) -> ProvedFile:
    manifest = read_manifest_of(path)
    assert manifest.parity is not None
    return ProvedFile(
        name=export.name, path=path, origin="exported", manifest=manifest, proof=manifest.parity
    )


def _take(name: str, path: Path, kept: Kept, on_progress: OnProgress) -> ProvedFile:
    """Prove a given file again, from the samples in its manifest."""
    manifest = read_manifest_of(path)
    assert manifest.file is not None
    facts = {
        "sha256": manifest.file.sha256,
        "manifest": encode_document(manifest).hex(),
        "versions": library_versions(),
    }
    files = kept.find(f"proof {name}", facts)
    if files is None:
        on_progress(f"proving {name}")
        _, parity = verify_file(path, on_progress=on_progress)
        files = [kept.place("proofs", name, ".json")]
        proof = VerifyDocument(
            path=str(path),
            sha256=manifest.file.sha256,
            passed=parity.passed,
            random_weights=manifest.weights.is_random,
            against="manifest",
            parity=parity,
        )
        atomic_write(files[0], encode_document(proof))
        kept.note(f"proof {name}", facts, files)
    else:
        parity = read_document(
            files[0], VerifyDocument, limit_bytes=MANIFEST_LIMIT_BYTES, called="proof"
        ).parity
    return ProvedFile(name=name, path=path, origin="given", manifest=manifest, proof=parity)
