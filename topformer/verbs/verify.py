"""What `topformer verify` does: repeat the proof of an exported file."""

from pathlib import Path
from typing import Literal

from topformer.console.output import print_result
from topformer.console.progress import progress_display
from topformer.console.weights import announce_random, weights_as
from topformer.documents import Document, SchemaName
from topformer.export.verification import verify_file
from topformer.manifest import Parity
from topformer.verbs.parity import show_parity


class VerifyDocument(Document, frozen=True, kw_only=True):
    """What `verify --json` prints."""

    schema: SchemaName = "topformer.verify/1.1"
    path: str
    sha256: str
    passed: bool
    random_weights: bool
    # "manifest": against the samples stored at export. "weights": against the float64 network.
    against: Literal["manifest", "weights"]
    parity: Parity


def run(*, file: Path, weights: str | None, images: Path | None, as_json: bool) -> bool:
    """Prove a file again, against its manifest or its checkpoint; false when it fails."""
    with progress_display() as show_progress, weights_as("--weights "):
        manifest, parity = verify_file(
            file, weights=weights, images_dir=images, on_progress=show_progress
        )
    assert manifest.file is not None
    calibrated = manifest.file.calibration is not None
    show_parity(str(file), parity, manifest.model.task, calibrated=calibrated)
    announce_random(manifest.weights)
    document = VerifyDocument(
        path=str(file),
        sha256=manifest.file.sha256,
        passed=parity.passed,
        random_weights=manifest.weights.is_random,
        against="manifest" if weights is None else "weights",
        parity=parity,
    )
    verdict = f"{file}: {'verified' if parity.passed else 'FAILED'}"
    print_result(document, [verdict], as_json=as_json, shown=True)
    return parity.passed
