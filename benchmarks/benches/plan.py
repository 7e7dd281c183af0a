"""From what a person asked for to the rows that are measured."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from topformer.benchmarks.benches.networks import check_network
from topformer.benchmarks.documents.runner import FORM_TEXT, Form
from topformer.benchmarks.workers.rows import RowRequest
from topformer.devices.machine import library_versions
from topformer.errors import TopformerError, UsageError
from topformer.files import ensure_writable_folder, local_path, sha256_bytes, without_query
from topformer.manifest import read_manifest_of
from topformer.runtimes.exported import get_runtime, runtime_names
from topformer.tasks import DETECTION
from topformer.variants import get_variant

# Measured unless others are asked for; torch runs the checkpoint itself.
DEFAULT_RUNTIMES = (*runtime_names(), "torch")
# The C++ program around ExecuTorch. It must be built first, which needs a compiler.
RUNNER = "runner"
RUNTIMES = (*DEFAULT_RUNTIMES, RUNNER)
# ExecuTorch in the demo app. It is asked for by --via.
APP = "app"
# Runtimes that run the files of another one.
FILES_OF = {RUNNER: "executorch"}
# A checkpoint is measured as it is and with its BatchNorm folded, as exports have it.
FORMS: dict[str, tuple[Form, ...]] = {"torch": ("unfused", "fused")}
CACHE_KEY_CHARACTERS = 20

OnProgress = Callable[[str], None]


def check_runtimes(runtimes: Sequence[str]) -> None:
    """Raise `UsageError` for a runtime that there is not."""
    for runtime in runtimes:
        if runtime not in RUNTIMES:
            raise UsageError(
                f"There is no runtime called {runtime!r}.",
                next_step=f"Choose among {', '.join(RUNTIMES)}.",
            )


def plan_files(
    models: Sequence[str],
    *,
    runtimes: Sequence[str],
    threads: Sequence[int],
    image_size: tuple[int, int] | None,
    task: str | None = None,
    detection_head: str | None = None,
) -> list[RowRequest]:
    """Rows for named model files and checkpoints; a file named twice is measured twice.

    Raises `UsageError` where a file does not run on the runtimes asked for, and `TopformerError`
    where it is of another task, head or size than is named.
    """
    from topformer.runtimes import check_image_size, runtime_of, try_model  # noqa: PLC0415
    from topformer.weights import load_weights  # noqa: PLC0415

    sources: list[tuple[str, str]] = []
    for model in models:
        runtime = runtime_of(model)
        chosen = [
            one for one in dict.fromkeys(runtimes or [runtime]) if FILES_OF.get(one, one) == runtime
        ]
        if not chosen:
            raise UsageError(
                f"{model} runs on {runtime}, not on {' or '.join(runtimes)}.",
                next_step="Leave --runtime out: a file's suffix says what runs it.",
            )
        # Refuse a bad file, and fetch a published one, before any worker starts.
        if runtime == "torch":
            load_weights(model, task=task, detection_head=detection_head)
        else:
            path = local_path(model)
            manifest = read_manifest_of(path)
            check_network(path, manifest.model, task, detection_head)
            check_image_size(path, manifest, image_size)
            try_model(path, manifest)
        sources += [(model, one) for one in chosen]
    return name_rows(sources, threads=threads, image_size=image_size)


def plan_size(
    variant: str,
    *,
    detection_head: str = "",
    runtimes: Sequence[str],
    threads: Sequence[int],
    image_size: tuple[int, int],
    cache: Path,
    on_progress: OnProgress,
) -> list[RowRequest]:
    """Rows for the default weights of a size, exported to what each runtime needs.

    With a head for it, they detect, and are drawn: none are bundled.
    """
    get_variant(variant)  # refuses an unknown one
    weights = str(drawn_detector(variant, detection_head, cache)) if detection_head else variant
    wanted = list(dict.fromkeys(runtimes or DEFAULT_RUNTIMES))
    files_of = {runtime: FILES_OF.get(runtime, runtime) for runtime in wanted}
    exported = [one for one in dict.fromkeys(files_of.values()) if one in runtime_names()]
    files = default_exports(
        weights, runtimes=exported, image_size=image_size, cache=cache, on_progress=on_progress
    )
    sources = [(str(files.get(files_of[runtime], weights)), runtime) for runtime in wanted]
    return name_rows(sources, threads=threads, image_size=image_size)


def name_rows(
    sources: Sequence[tuple[str, str]],
    *,
    threads: Sequence[int],
    image_size: tuple[int, int] | None,
) -> list[RowRequest]:
    """One row for each (source, runtime), form and thread count, under a name of its own."""
    several = len(set(sources)) > len({runtime for _, runtime in sources})
    names = _short_names(dict.fromkeys(source for source, _ in sources))
    requests: list[RowRequest] = []
    seen = Counter[str]()
    for count in dict.fromkeys(threads):
        for source, runtime in sources:
            for form in FORMS.get(runtime, ("",)):
                name = f"{runtime} ({FORM_TEXT[form]})" if form else runtime
                name += f", {count} thread{'s' if count > 1 else ''}"
                if several:
                    name = f"{names[source]}, {name}"
                seen[name] += 1
                requests.append(
                    RowRequest(
                        name=f"{name} (again, {seen[name]})" if seen[name] > 1 else name,
                        source=source,
                        runtime=runtime,
                        threads=count,
                        form=form,
                        image_size=image_size,
                    )
                )
    return requests


def _short_names(sources: Collection[str]) -> dict[str, str]:
    """Return the last part of each path, or as many parts as tell it from every other."""
    names: dict[str, str] = {}
    for source in sources:
        parts = _parts(source)
        others = [_parts(other) for other in sources if other != source]
        length = next(
            (n for n in range(1, len(parts)) if all(parts[-n:] != o[-n:] for o in others)),
            len(parts),
        )
        # Addresses may differ in their query alone, which stays out of names.
        alike = sum(_parts(other) == parts for other in names)
        names[source] = str(Path(*parts[-length:])) + (f" ({alike + 1})" if alike else "")
    return names


def _parts(source: str) -> tuple[str, ...]:
    return Path(without_query(source)).parts


def drawn_detector(variant: str, head: str, cache: Path) -> Path:
    """Write random weights of a detector to the cache; raises `UsageError` for an unknown head."""
    from topformer.weights import load_weights, save_weights  # noqa: PLC0415

    drawn = load_weights(None, variant=variant, task=DETECTION, detection_head=head)
    ensure_writable_folder(cache)
    path = cache / f"{drawn.info.name}.safetensors"
    save_weights(
        path,
        drawn.model,
        classes=drawn.classes,
        name=drawn.info.name,
        licence=drawn.info.licence,
        source=drawn.info.source,
        random_seed=drawn.info.random_seed,
    )
    return path


def default_exports(
    weights: str,
    *,
    runtimes: Sequence[str],
    image_size: tuple[int, int],
    cache: Path,
    on_progress: OnProgress,
) -> dict[str, Path]:
    """Export weights, of a size or in a file, once and keep the files in the cache folder.

    The folder is named after the weights, the size and the versions of all libraries involved, so
    that a file is never reused for another question. Raises `TopformerError` when an export fails
    its proof.
    """
    if not runtimes:
        return {}
    from filelock import FileLock  # noqa: PLC0415

    from topformer.weights import load_weights  # noqa: PLC0415

    weights_sha256 = load_weights(weights).info.sha256
    folder = cache / _cache_key(weights_sha256, Path(without_query(weights)).stem, image_size)
    ensure_writable_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        files = _kept(folder)
        missing = [get_runtime(name).target for name in runtimes if name not in files]
        if missing:
            files |= _export(weights, missing, image_size, folder, on_progress)
    return files


def _cache_key(weights_sha256: str, name: str, image_size: tuple[int, int]) -> str:
    height, width = image_size
    facts = [weights_sha256, *(f"{n}={v}" for n, v in sorted(library_versions().items()))]
    digest = sha256_bytes("\n".join(facts).encode())[:CACHE_KEY_CHARACTERS]
    return f"{name}-{height}x{width}-{digest}"


def _kept(folder: Path) -> dict[str, Path]:
    """Return the verified files that an earlier bench left here, those still whole, by runtime."""
    from topformer.runtimes import runtime_of  # noqa: PLC0415

    files: dict[str, Path] = {}
    for path in folder.iterdir():
        if runtime_of(path) != "torch":
            # One that was interrupted or tampered with is exported again.
            with suppress(TopformerError):
                read_manifest_of(path)
                files[runtime_of(path)] = path
    return files


def _export(
    weights: str,
    targets: list[str],
    image_size: tuple[int, int],
    folder: Path,
    on_progress: OnProgress,
) -> dict[str, Path]:
    from topformer.export import export_model  # noqa: PLC0415
    from topformer.runtimes import runtime_of  # noqa: PLC0415

    result = export_model(
        weights=weights,
        targets=targets,
        image_size=image_size,
        out_dir=folder,
        on_progress=on_progress,
    )
    if not result.passed:
        raise TopformerError(
            f"The export of {weights} failed its proof, so there is nothing to measure.",
            why=f"The files are kept in {folder}.",
            next_step=f"Run `topformer export --weights {weights}` for the details.",
        )
    return {runtime_of(file.path): file.path for file in result.files}
