"""`topformer bench`: latency that can be trusted, or a verdict that says why not."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import (
    CoresOption,
    HeadOption,
    JsonOption,
    MaxStartTempOption,
    ModeOption,
    SerialOption,
    TaskOption,
)


def bench(
    device: Annotated[
        str, typer.Option(help="host (this machine), adb (Android devices) or ssh:HOST (Linux).")
    ] = "host",
    via: Annotated[
        str | None,
        typer.Option(
            help="With adb: app, for rows measured by the demo app instead of the runner. --model "
            "then takes names of models in it, too; without any, all in the app's sources."
        ),
    ] = None,
    serial: SerialOption = None,
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
    task: TaskOption = None,
    head: HeadOption = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            help="executorch, onnxruntime or torch; repeat for more. Default: all three. "
            "Also runner: ExecuTorch from C++, as on a device; it is built first. Devices have "
            "the runner only."
        ),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(min=1, max=1024, help="Thread count; repeat for more. Default: 1."),
    ] = None,
    mode: ModeOption = "standard",
    image_size: Annotated[
        str | None,
        typer.Option(
            help="Input size in pixels: one side, or HEIGHTxWIDTH. Default: as in `export`."
        ),
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(
            help="A picture file, or HEIGHTxWIDTH: begin with pixels of that size, so that the "
            "resize to the input size is measured too. Default: the input size, no resize."
        ),
    ] = None,
    cores: CoresOption = None,
    max_start_temp: MaxStartTempOption = None,
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
    as_json: JsonOption = False,
) -> bool:
    """Measure how long a picture in memory takes to become its result, part by part.

    Every runtime and thread count has a process of its own. They measure in
    interleaved blocks and random order, so that whatever slows the machine slows
    all alike. Each row carries a verdict. A device is measured once it is cool
    and has computed what this machine computes. An emulated one yields
    instruction counts, no times.

    Examples:

      topformer bench --size tiny --mode quick

      topformer bench --model a.pte --model b.pte --threads 2 --plot bench.png

      topformer bench --task detection --head lite --runtime runner

      topformer bench --picture 480x640 --runtime executorch --json > bench.json

      topformer bench --device adb --cores big --mode sustained --plot heat.png

      topformer bench --device adb --all --gate bench.json

      topformer bench --device adb --via app --threads 1 --threads 4
    """
    from topformer.verbs.bench.choice import BenchChoice
    from topformer.verbs.bench.run import run

    choice = BenchChoice(
        device=device,
        via=via,
        serial=serial,
        all_devices=all_devices,
        models=tuple(model or ()),
        variant=size,
        task=task,
        head=head,
        runtimes=tuple(runtime or ()),
        threads=tuple(threads or (1,)),
        mode=mode,
        image_size=image_size,
        picture=picture,
        cores=cores,
        max_start_temp_c=max_start_temp,
        bundle=runner,
    )
    return run(choice, plot=plot, gate=gate, as_json=as_json)
