"""Run any model file behind one small face: `.pth`, `.safetensors`, `.pte` or `.onnx`."""

from pathlib import Path

import msgspec

from topformer.classes import check_count
from topformer.errors import TopformerError, UsageError
from topformer.files import local_path
from topformer.manifest import Classes, Manifest, read_manifest_of
from topformer.runtimes.opened import Network, OpenedModel
from topformer.text import well_formed
from topformer.variants import DEFAULT_IMAGE_SIZE

__all__ = ["OpenedModel", "open_model", "open_network", "require_unicode", "runtime_of"]

# Any other suffix, and any name, is a checkpoint that torch runs.
EXPORTED_RUNTIMES = {".pte": "executorch", ".onnx": "onnxruntime"}


def runtime_of(source: str | Path) -> str:
    """Name of the runtime that runs a file or a named checkpoint."""
    return EXPORTED_RUNTIMES.get(Path(source).suffix.lower(), "torch")


def require_unicode(path: Path) -> None:
    """Refuse a path that is not UTF-8: neither runtime opens one."""
    if well_formed(str(path)) != str(path):
        raise UsageError(
            f"{path} has a name that is not UTF-8.",
            why="The runtimes open exported models by names that are.",
            next_step="Rename it: a model together with its .json.",
        )


def open_network(path: Path, manifest: Manifest, *, threads: int | None = None) -> Network:
    """Load an exported file whose manifest has been read and checked.

    `threads` must be set before ExecuTorch loads its first file and cannot change in a process.
    """
    require_unicode(path)
    if runtime_of(path) == "executorch":
        from topformer.runtimes.executorch_network import ExecutorchNetwork  # noqa: PLC0415

        return ExecutorchNetwork(path, manifest, threads=threads)
    if runtime_of(path) == "onnxruntime":
        from topformer.runtimes.onnx_network import OnnxNetwork  # noqa: PLC0415

        return OnnxNetwork(path, manifest, threads=threads)
    raise TopformerError(
        f"{path} is not an exported model.",
        why=f"Exported models end in {' or '.join(EXPORTED_RUNTIMES)}.",
    )


def open_model(
    source: str | Path,
    *,
    image_size: tuple[int, int] | None = None,
    threads: int | None = None,
    classes: Classes | None = None,
) -> OpenedModel:
    """Open a model file, a size ("tiny") or a published checkpoint's name.

    `image_size` is (height, width) and applies to checkpoints only, 448x448 unless given: an
    exported file has its own size. `threads` None leaves the runtime's own choice. `classes` take
    the place of those that the file names. Raises
    `TopformerError` when the file, its manifest or its weights cannot be used.
    """
    runtime = runtime_of(source)
    if runtime == "torch":
        from topformer.runtimes.torch_network import open_checkpoint  # noqa: PLC0415

        return open_checkpoint(
            source, image_size=image_size or DEFAULT_IMAGE_SIZE, threads=threads, classes=classes
        )
    path = local_path(source)
    manifest = read_manifest_of(path)
    own_size = (manifest.input.height, manifest.input.width)
    if image_size not in (None, own_size):
        raise TopformerError(
            f"{path.name} takes pictures of {own_size[0]}x{own_size[1]} only.",
            why="An exported file has one fixed input size.",
            next_step="Leave the size out, or export the checkpoint again at the size you need.",
        )
    if classes:
        check_count(classes, manifest.model.num_classes, path.name)
        manifest = msgspec.structs.replace(manifest, classes=classes)
    network = open_network(path, manifest, threads=threads)
    return OpenedModel(manifest=manifest, runtime=runtime, network=network)
