"""What `topformer runner build` does: build the C++ runner, with all its libraries."""

from pathlib import Path

from topformer.benchmarks.bundle.build import Bundle, build_bundle, default_cache
from topformer.benchmarks.bundle.plan import NdkPaths
from topformer.console.output import print_result
from topformer.console.progress import progress_display
from topformer.console.screen import stderr
from topformer.documents import Count, Document, SchemaName
from topformer.errors import UsageError


class RunnerBuildDocument(Document, frozen=True, kw_only=True):
    """A bundle of the runner in this user's cache."""

    schema: SchemaName = "topformer.runner-build/1"
    folder: str
    # False when it was built before.
    is_new: bool
    size_bytes: Count
    # Starts the runner where it lies now; a copy elsewhere starts the same way from its folder.
    command: tuple[str, ...]
    bundle: Bundle


def run(*, target: str, ndk: Path | None, executorch: Path | None, as_json: bool) -> None:
    """Build the runner for a target, unless it was built before, and print its folder."""
    if (ndk is None) != (executorch is None):
        raise UsageError("--ndk and --executorch are given together or not at all.")
    paths = NdkPaths(ndk=ndk, executorch=executorch) if ndk and executorch else None
    with progress_display() as show_progress:
        built = build_bundle(target, cache=default_cache(), on_progress=show_progress, ndk=paths)
    made = "built" if built.is_new else "built before, and whole"
    size_mb = built.bundle.size_bytes / 1e6
    stderr().print(f"{target} runner: {made}, {size_mb:.1f} MB")
    document = RunnerBuildDocument(
        folder=str(built.folder),
        is_new=built.is_new,
        size_bytes=built.bundle.size_bytes,
        command=tuple(built.command),
        bundle=built.bundle,
    )
    print_result(document, [built.folder], as_json=as_json)
