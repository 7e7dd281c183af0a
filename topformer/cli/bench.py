"""`topformer bench`: latency that can be trusted, or a verdict that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import JsonOption, fail, print_document, print_lines, stderr, warn
from topformer.errors import TopformerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from topformer.benchmarks.documents import BenchDocument
    from topformer.cli.bench_choice import BenchChoice

# Of the random order in which rows take turns: the same in every run, and told in its document.
ORDER_SEED = 0


def bench(
    device: Annotated[
        str, typer.Option(help="host (this machine), adb (Android devices) or ssh:HOST (Linux).")
    ] = "host",
    serial: Annotated[
        str | None, typer.Option(help="With adb: which device; see `topformer devices`.")
    ] = None,
    all_devices: Annotated[
        bool, typer.Option("--all", help="With adb: all devices, side by side.")
    ] = False,
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
            "Also runner: ExecuTorch from C++, as on a device; it is built first. Devices have "
            "the runner only."
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
    cores: Annotated[
        str | None,
        typer.Option(help="On a device: big, mid, little, or a hexadecimal mask of CPUs."),
    ] = None,
    max_start_temp: Annotated[
        float | None,
        typer.Option(help="On a device: wait until it is this cool, in Celsius. Default: 37."),
    ] = None,
    runner: Annotated[
        Path | None,
        typer.Option(help="On a device: a bundle of your own from `topformer runner build`."),
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
    carries a verdict. A device is measured once it is cool and has computed what
    this machine computes. An emulated one yields instruction counts, no times.

    Examples:

      topformer bench --size tiny --mode quick

      topformer bench --model a.pte --model b.pte --threads 2 --plot bench.png

      topformer bench --runtime executorch --json > bench.json

      topformer bench --device adb --cores big --mode sustained --plot heat.png

      topformer bench --device adb --all --gate bench.json
    """
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"A plot is a PNG, and {plot} does not end in .png.")

    from topformer.cli.bench_choice import BenchChoice  # noqa: PLC0415

    choice = BenchChoice(
        models=tuple(model or ()),
        size=size,
        runtimes=tuple(runtime or ()),
        threads=tuple(threads or (1,)),
        mode=mode,
        image_size=image_size,
        cores=cores,
        max_start_temp_c=max_start_temp,
        bundle=runner,
    )
    baseline = _read_baseline(gate)
    if device == "host":
        _refuse_device_options(choice, serial, all_devices=all_devices)
        document = _bench_host(choice)
    elif device == "adb" or device.startswith("ssh:"):
        document = _bench_devices(choice, device, serial, all_devices=all_devices)
    else:
        raise UsageError(
            f"There is no device called {device!r} to measure on.",
            next_step="Choose host (this machine), adb (Android) or ssh:HOST (ARM Linux).",
        )
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
    if document.failures:
        raise typer.Exit(1)


def _refuse_device_options(choice: BenchChoice, serial: str | None, *, all_devices: bool) -> None:
    given = {
        "--serial": serial is not None,
        "--all": all_devices,
        "--cores": choice.cores is not None,
        "--max-start-temp": choice.max_start_temp_c is not None,
        "--runner": choice.bundle is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise UsageError(
                f"{option} is for devices.", next_step=f"Add --device adb, or leave {option} out."
            )


def _bench_host(choice: BenchChoice) -> BenchDocument:
    from topformer.benchmarks.host import bench_host  # noqa: PLC0415
    from topformer.benchmarks.plan import RUNNER  # noqa: PLC0415
    from topformer.cli.console import stage_display  # noqa: PLC0415

    mode = choice.get_mode()
    with stage_display() as show_stage:
        requests = choice.plan(show_stage)
        if any(request.runtime == RUNNER for request in requests):
            _build_runner(show_stage)
    return bench_host(requests, mode=mode, seed=ORDER_SEED, on_stage=_show)


def _build_runner(on_stage: Callable[[str], None]) -> None:
    """Build it now: a worker that compiled would be taken for one that hangs."""
    from topformer.benchmarks.bundle import build_bundle, default_cache  # noqa: PLC0415

    build_bundle("host", cache=default_cache(), on_stage=on_stage)


def _bench_devices(
    choice: BenchChoice, device: str, serial: str | None, *, all_devices: bool
) -> BenchDocument:
    from topformer.cli.bench_devices import bench_on_devices  # noqa: PLC0415
    from topformer.cli.console import stdout_for_results  # noqa: PLC0415

    with stdout_for_results():
        return bench_on_devices(
            choice,
            device=device,
            serial=serial,
            all_devices=all_devices,
            seed=ORDER_SEED,
            on_stage=_show,
        )


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


def _show(stage: str) -> None:
    # A line, and no spinner: an animation would take CPU time from what is measured.
    stderr().print(f"{stage} ...", style="dim", markup=False)


def _report(document: BenchDocument, plot: Path | None) -> None:
    from rich.markup import escape  # noqa: PLC0415

    from topformer.benchmarks import report  # noqa: PLC0415

    stderr().print(*report.tables(document))
    for reason in report.reasons(document):
        warn(escape(reason))
    for failure in document.failures:
        stderr().print(f"[bold red]error:[/bold red] {escape(failure.device)}: ", end="")
        stderr().print(failure.what, failure.why, failure.next_step, markup=False, soft_wrap=True)
    if any(row.weights.random for row in document.rows):
        warn("the weights are RANDOM: good for latency, not for anything the labels say.")
    if plot is not None:
        stderr().print(f"plot: {plot}", markup=False)


def _print(document: BenchDocument) -> None:
    from topformer.benchmarks.report import summary_lines  # noqa: PLC0415

    print_lines(summary_lines(document))
