"""`topformer data check`: is a data set what it should be, before anything is trained on it?"""

from pathlib import Path
from typing import Annotated

import typer

from topformer.cli.options import JsonOption

data = typer.Typer(
    help="Look at a data set before anything is trained on it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@data.callback()
def _group() -> None:
    """Keep `check` a verb of its own: Typer would leave out the name of an only one."""


@data.command()
def check(
    root: Annotated[Path, typer.Argument(help="Root folder of the data set.")],
    dataset: Annotated[str, typer.Option(help="Key of the data set: ade20k, camvid, coco, ...")],
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="train, val or test; repeat for more. Default: train and val; all that boxes have."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    as_json: JsonOption = False,
) -> bool:
    """Open every picture and label file of a data set, and draw samples with their labels.

    Missing files, other sizes, ids out of range and colours in place of ids are
    problems. Classes that never occur, labels of 0 and 255, pictures turned by
    EXIF over labels that are not, and the like are warnings. Both are listed with
    what to do, and the command then exits with 1. DATASET-SPLIT.png in --out shows
    samples: look whether the labels lie where they should.

    Boxes in COCO's format (coco, or coco-folder for a set of your own) are read from
    annotations/instances_SPLIT.json, and their pictures from images/SPLIT or SPLIT.
    Broken boxes, unknown categories and pictures, ids given twice, pictures that are
    missing or of another size are problems, each with its annotation and picture.
    Boxes that are empty, drawn twice, or outside their pictures are warnings.

    Examples:

      topformer data check ADEChallengeData2016 --dataset ade20k

      topformer data check my/boxes --dataset coco-folder

      topformer data check my/set --dataset folder --split val --out looked-at
    """
    from topformer.verbs.data.check import run

    return run(root=root, dataset=dataset, splits=split or (), out=out, as_json=as_json)
