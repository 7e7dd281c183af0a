"""`topformer bench --via app`: rows for the models that the demo app holds, and their bench."""

from pathlib import Path

from topformer.android.assets import (
    MODELS_FOLDER,
    NoSourcesError,
    embedded_models,
    find_app,
)
from topformer.benchmarks.benches.app import bench_app
from topformer.benchmarks.benches.plan import APP, name_rows
from topformer.benchmarks.benches.watch import DevicePlan
from topformer.benchmarks.documents.bench import BenchDocument
from topformer.benchmarks.workers.rows import RowRequest
from topformer.console.progress import stdout_for_results
from topformer.devices.links.adb import AdbLink
from topformer.errors import UsageError, advising
from topformer.files import local_path
from topformer.manifest import read_manifest_of
from topformer.verbs.bench.choice import ORDER_SEED, BenchChoice
from topformer.verbs.bench.output import Display


def bench_in_app(link: AdbLink, choice: BenchChoice, display: Display) -> BenchDocument:
    """Measure in the app on one device."""
    plan = DevicePlan(
        requests=plan_app(choice),
        mode=choice.get_mode(),
        seed=ORDER_SEED,
        max_start_c=choice.max_start_temp_c,
    )
    with stdout_for_results():
        return bench_app(link, plan, on_progress=display.on_progress, on_warning=display.on_warning)


def plan_app(choice: BenchChoice) -> list[RowRequest]:
    """Rows for models by file or by their name in the app; all that are embedded, without any."""
    files = [_find(model) for model in choice.models] or _embedded()
    for file in files:
        read_manifest_of(file)
    sources = [(str(file), APP) for file in files]
    return name_rows(sources, threads=choice.threads, image_size=None)


def _find(model: str) -> Path:
    if Path(model).suffix == ".pte":
        return local_path(model)
    embedded = {path.stem: path for path in _embedded()}
    if model not in embedded:
        raise UsageError(
            f"No model called {model!r} is in the app's sources.",
            next_step=f"Choose one of {', '.join(embedded)}, or pass the .pte that was embedded.",
        )
    return embedded[model]


def _embedded() -> list[Path]:
    with advising(NoSourcesError, "Or pass the .pte that was embedded with --model."):
        app = find_app(None)
    found = [app / MODELS_FOLDER / f"{model.name}.pte" for model in embedded_models(app)]
    if not found:
        raise UsageError(
            "No model is in the app's sources.",
            next_step="Pass the .pte that was embedded with --model, or embed one: "
            "`topformer app embed FILE`.",
        )
    return found
