"""`topformer bench`: latency that can be trusted, or a verdict that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import JsonOption, fail, print_document, print_lines, stderr, warn
from topformer.errors import TopformerError, UsageError

if TYPE_CHECKING:
    from topformer.benchmarks.documents import BenchDocument
    from topformer.benchmarks.process import RowRequest

# Of the random order in which rows take turns: the same in every run, and told in its document.
ORDER_SEED = 0


def bench(
    device: Annotated[str, typer.Option(help="Where to measure: host is this machine.")] = "host",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model file (.pte, .onnx, .pth, .safetensors) or published name; repeat for more. "
            "Default: the default weights of --size, exported as needed."
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="tiny, small or base, when no --model is named.")
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            help="executorch, onnxruntime or torch; repeat for more. Default: all three. "
            "Also runner: ExecuTorch from C++, as on a device; it is built first."
        ),
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, max=1024, help="Thread count; repeat for more.")
    ] = None,
    mode: Annotated[
        str,
        typer.Option(help="quick (seconds), standard (a minute or two), sustained (ten minutes)."),
    ] = "standard",
    image_size: Annotated[
        str | None,
        typer.Option(help="Input size in pixels: one side, or HEIGHTxWIDTH. Default: 448."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the result to this PNG.")] = None,
    gate: Annotated[
        Path | None,
        typer.Option(
            help="Exit with 1 when a row is slower, or takes more instructions, than in this "
            "file of an earlier bench --json, or is not in it. A row that is not trusted is "
            "judged like any other, with a warning."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Measure how long a picture in memory takes to become labels, part by part.

    Every runtime and thread count has a process of its own. They take turns in
    random order, so that whatever slows the machine slows all alike. Each row
    carries a verdict.

    Examples:

      topformer bench --size tiny --mode quick

      topformer bench --model a.pte --model b.pte --threads 2 --plot bench.png

      topformer bench --runtime executorch --json > bench.json
    """
    if device != "host":
        raise UsageError(
            f"There is no device called {device!r} to measure on.",
            why="This version measures on the machine it runs on; adb devices are yet to come.",
            next_step="Leave --device out, or pass --device host.",
        )
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"A plot is a PNG, and {plot} does not end in .png.")

    from topformer.benchmarks.host import bench_host  # noqa: PLC0415
    from topformer.benchmarks.plan import RUNNER  # noqa: PLC0415
    from topformer.benchmarks.protocol import get_mode  # noqa: PLC0415

    chosen_mode = get_mode(mode)
    baseline = _read_baseline(gate)
    requests = _plan(model or [], size, runtime or [], threads or [1], image_size)
    if any(request.runtime == RUNNER for request in requests):
        _build_runner()
    document = bench_host(requests, mode=chosen_mode, seed=ORDER_SEED, on_stage=_show)
    if plot is not None:
        from topformer.benchmarks.plot import draw  # noqa: PLC0415
        from topformer.files import atomic_write  # noqa: PLC0415

        atomic_write(plot, draw(document))
    _report(document, plot)
    if json:
        print_document(document)
    else:
        _print(document)
    if baseline is not None:
        _hold_to(baseline, document)


def _read_baseline(path: Path | None) -> BenchDocument | None:
    """Read it before anything is measured: a bad file should not cost a bench."""
    from topformer.benchmarks.matching import read_bench  # noqa: PLC0415

    return read_bench(path) if path is not None else None


def _hold_to(baseline: BenchDocument, document: BenchDocument) -> None:
    from rich.markup import escape  # noqa: PLC0415

    from topformer.benchmarks.gate import check_gate  # noqa: PLC0415
    from topformer.benchmarks.report import ratio_text  # noqa: PLC0415

    try:
        comparisons = check_gate(document, baseline, on_warning=lambda text: warn(escape(text)))
    except TopformerError as error:
        # The document has been printed: with --json, an error of its own would be a second one.
        fail(error, as_json=False)
    for one in comparisons:
        for part in one.parts:
            stderr().print(f"gate: {one.contender}: {ratio_text(one, part)}", markup=False)


def _plan(
    models: list[str],
    size: str | None,
    runtimes: list[str],
    threads: list[int],
    image_size: str | None,
) -> list[RowRequest]:
    from topformer.benchmarks import plan  # noqa: PLC0415
    from topformer.cli.console import stage_display  # noqa: PLC0415
    from topformer.preprocess import parse_image_size  # noqa: PLC0415
    from topformer.variants import DEFAULT_IMAGE_SIZE, DEFAULT_SIZE  # noqa: PLC0415

    plan.check_runtimes(runtimes)
    side = parse_image_size(image_size) if image_size is not None else None
    if models and size is not None:
        raise UsageError(
            "--size and --model exclude each other.",
            why="--size chooses what to export and measure when no model is named.",
        )
    if models:
        return plan.plan_files(models, runtimes=runtimes, threads=threads, image_size=side)
    import platformdirs  # noqa: PLC0415

    with stage_display() as show_stage:
        return plan.plan_size(
            size or DEFAULT_SIZE,
            runtimes=runtimes,
            threads=threads,
            image_size=side or DEFAULT_IMAGE_SIZE,
            cache=platformdirs.user_cache_path("topformer") / "bench",
            on_stage=show_stage,
        )


def _build_runner() -> None:
    """Build it now: a worker that compiled would be taken for one that hangs."""
    from topformer.benchmarks.bundle import build_bundle, default_cache  # noqa: PLC0415
    from topformer.cli.console import stage_display  # noqa: PLC0415

    with stage_display() as show_stage:
        build_bundle("host", cache=default_cache(), on_stage=show_stage)


def _show(stage: str) -> None:
    # A line, and no spinner: an animation would take CPU time from what is measured.
    stderr().print(f"{stage} ...", style="dim", markup=False)


def _report(document: BenchDocument, plot: Path | None) -> None:
    from rich.markup import escape  # noqa: PLC0415

    from topformer.benchmarks import report  # noqa: PLC0415

    stderr().print(*report.tables(document))
    for reason in report.reasons(document):
        warn(escape(reason))
    if any(row.weights.random for row in document.rows):
        warn("the weights are RANDOM: good for latency, not for anything the labels say.")
    if plot is not None:
        stderr().print(f"plot: {plot}", markup=False)


def _print(document: BenchDocument) -> None:
    from topformer.benchmarks.report import summary_lines  # noqa: PLC0415

    print_lines(summary_lines(document))
