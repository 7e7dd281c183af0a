"""`topformer train`: a shipped recipe, or one's own, on one machine or many."""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import HeadOption, JsonOption, TaskOption


def train(
    dataset: Annotated[
        str, typer.Option(help="Key of the data set: ade20k, camvid, folder, coco, coco-folder...")
    ],
    task: TaskOption = None,
    head: HeadOption = None,
    data: Annotated[Path | None, typer.Option(help="Root folder of the data set.")] = None,
    size: Annotated[str, typer.Option(help="tiny, small or base.")] = "tiny",
    recipe: Annotated[
        Path | None, typer.Option(help="TOML with the fields that differ from the shipped recipe.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="imagenet (which a browser must get), none or a checkpoint. Default: the recipe's."
        ),
    ] = None,
    iters: Annotated[int | None, typer.Option(min=1, help="Optimizer steps.")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Pictures a step, over all processes.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="FIELD=VALUE of the recipe; repeat for more."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("out/train"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest sound checkpoint in --out.")
    ] = False,
    show_recipe: Annotated[
        bool, typer.Option("--show-recipe", help="Print the recipe with every field and stop.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network, or go on with a run that was stopped.

    Without --recipe the shipped recipe of the data set is followed: the published
    one, or ours where there is none. Checkpoints, log, curves, best and last
    weights go to --out. Ctrl-C writes a checkpoint first; the same command with
    --resume goes on, bit for bit on a CPU.

    The published start is an ImageNet classifier, which a browser can get:
    `topformer models` says where. --init none begins at random.

    Detectors learn boxes in COCO's format: ROOT holds annotations/instances_*.json.

    Start it with torchrun for several GPUs or machines.

    Examples:

      topformer train --dataset ade20k --data ROOT --init imagenet.pth

      topformer train --dataset folder --data ROOT --init none --set amp=bf16

      topformer train --head lite --dataset coco --data ROOT --init none

      torchrun --nproc-per-node 8 -m topformer train ...

      topformer train --dataset ade20k --show-recipe > mine.toml
    """
    from topformer.verbs.train.run import run

    run(
        task=task,
        head=head,
        dataset=dataset,
        data=data,
        variant=size,
        recipe=recipe,
        init=init,
        iterations=iters,
        batch=batch,
        assignments=set_ or (),
        out=out,
        resume=resume,
        show_recipe=show_recipe,
        as_json=as_json,
    )
