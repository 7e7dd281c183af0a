"""The runner's documents as a worker's replies: for workers here and on devices."""

from topformer.benchmarks.documents.messages import Loaded, Measured
from topformer.benchmarks.documents.runner import RunnerBlock, RunnerOpened, RunnerRun
from topformer.errors import TopformerError
from topformer.manifest import Manifest


def loaded_reply(manifest: Manifest, picture: str, opened: RunnerOpened | RunnerRun) -> Loaded:
    """Say what the runner opened; raises `TopformerError` when it is not the manifest's file."""
    assert manifest.file is not None
    if opened.model_sha256 != manifest.file.sha256:
        raise TopformerError(
            f"{manifest.file.name} changed while it was opened.",
            why=f"The runner read {opened.model_sha256}, the manifest says {manifest.file.sha256}.",
        )
    return Loaded(
        model=manifest.file.name,
        sha256=opened.model_sha256,
        variant=manifest.model.variant,
        classes=manifest.model.num_classes,
        weights_name=manifest.weights.name,
        weights_random=manifest.weights.is_random,
        precision=manifest.file.precision,
        image_size=(manifest.input.height, manifest.input.width),
        picture=picture,
        # The system loads the runner's libraries before the runner can look at a clock.
        import_ns=0,
        load_ns=opened.load_ns,
        first=opened.first,
        warmups=opened.warmups,
    )


def measured_reply(block: RunnerBlock) -> Measured:
    """Say what one block of samples took."""
    return Measured(
        samples=block.samples,
        warmups=block.block_warmups,
        cpu_ns=block.cpu_ns,
        peak_memory_bytes=block.peak_memory_bytes,
    )
