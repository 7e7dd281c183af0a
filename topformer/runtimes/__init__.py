"""Run any model file in the same way: `.pth`, `.safetensors`, `.pte` or `.onnx`."""

from pathlib import Path

import msgspec

from topformer.classes import check_count
from topformer.errors import TopformerError, UsageError
from topformer.files import local_path
from topformer.manifest import Classes, Manifest, read_manifest_of
from topformer.runtimes import trial
from topformer.runtimes.exported import GraphInfo, Runtime, all_runtimes, find_runtime
from topformer.runtimes.log import log_kept_aside
from topformer.runtimes.opened import Network, OpenedModel
from topformer.text import well_formed

__all__ = [
    "GraphInfo",
    "OpenedModel",
    "check_image_size",
    "find_runtime",
    "inspect_graph",
    "open_model",
    "open_network",
    "require_unicode",
    "runtime_of",
    "try_model",
]


def runtime_of(source: str | Path) -> str:
    """Name of the runtime that runs a file or a named checkpoint."""
    runtime = find_runtime(source)
    return runtime.name if runtime else "torch"


def require_unicode(path: Path) -> None:
    """Refuse a path that is not UTF-8: neither runtime opens one."""
    if well_formed(str(path)) != str(path):
        raise UsageError(
            f"{path} has a name that is not UTF-8.",
            why="The runtimes open exported models by names that are.",
            next_step="Rename it: a model together with its .json.",
        )


def try_model(path: Path, manifest: Manifest) -> None:
    """Open and run an exported file once where it can do no harm, unless this process did before.

    That is a process of its own with limits of memory and time. Raises `TopformerError` for
    whatever happens there, and where the file answers with anything but what its manifest says.
    """
    require_unicode(path)
    trial.try_once(path, _runtime_of_exported(path), manifest)


def check_image_size(path: Path, manifest: Manifest, image_size: tuple[int, int] | None) -> None:
    """Raise `TopformerError` where an exported file is asked for another size than its own."""
    own_size = (manifest.input.height, manifest.input.width)
    if image_size not in (None, own_size):
        raise TopformerError(
            f"{path.name} takes pictures of {own_size[0]}x{own_size[1]} only.",
            why="An exported file has one fixed input size.",
            next_step="Leave the size out, or export the checkpoint again at the size you need.",
        )


def open_network(
    path: Path, input_shape: tuple[int, int, int, int], *, threads: int | None = None
) -> Network:
    """Load an exported file by the shape of its input [1, 3, h, w], which must be its own.

    The file is one that was made here, or that `try_model` has tried. `threads` must be set before
    ExecuTorch loads its first file and cannot change in a process.
    """
    require_unicode(path)
    runtime = _runtime_of_exported(path)
    with log_kept_aside():
        return runtime.open(path, input_shape, threads)


def inspect_graph(path: Path) -> GraphInfo:
    """Try an exported file as `try_model` does, and read the graph in it."""
    require_unicode(path)
    return trial.read_graph(path, _runtime_of_exported(path), read_manifest_of(path))


def _runtime_of_exported(path: Path) -> Runtime:
    runtime = find_runtime(path)
    if runtime is None:
        suffixes = " or ".join(one.suffix for one in all_runtimes())
        raise TopformerError(
            f"{path} is not an exported model.", why=f"Exported models end in {suffixes}."
        )
    return runtime


def open_model(
    source: str | Path,
    *,
    image_size: tuple[int, int] | None = None,
    threads: int | None = None,
    classes: Classes | None = None,
    tried: bool = False,
) -> OpenedModel:
    """Open a model file, a size ("tiny") or a published checkpoint's name.

    `image_size` is (height, width) and applies to checkpoints only: an exported file has its own
    size. Without it a checkpoint takes the size to which its training pictures were stretched,
    where they were, and 448x448 elsewhere. `threads` None leaves the runtime's own choice.
    `classes` take the place of those that the file names. An exported file is first tried
    (`try_model`), unless the caller has `tried` it. Raises `TopformerError` when the file, its
    manifest or its weights cannot be used.
    """
    runtime = runtime_of(source)
    if runtime == "torch":
        from topformer.runtimes.torch_network import open_checkpoint  # noqa: PLC0415

        return open_checkpoint(source, image_size=image_size, threads=threads, classes=classes)
    path = local_path(source)
    manifest = read_manifest_of(path)
    check_image_size(path, manifest, image_size)
    if classes:
        check_count(classes, manifest.model.num_classes, path.name)
        manifest = msgspec.structs.replace(manifest, classes=classes)
    if not tried:
        try_model(path, manifest)
    network = open_network(path, manifest.input.shape, threads=threads)
    return OpenedModel(manifest=manifest, runtime=runtime, network=network)
