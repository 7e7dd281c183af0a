"""`topformer predict`: pictures to overlays, label maps and a table of the classes found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topformer.cli.console import (
    ClassesOption,
    JsonOption,
    announce_random,
    announce_unnamed,
    named_by,
    print_document,
    print_lines,
    stage_display,
    stderr,
    tell_form,
    weights_as,
)
from topformer.errors import TopformerError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from topformer.cli.documents import FailureDocument, PictureDocument
    from topformer.drawing import FoundClass
    from topformer.runtimes import OpenedModel

MOST_TABLE_ROWS = 12


def predict(
    pictures: Annotated[
        list[Path], typer.Argument(help="Pictures, and folders whose pictures are taken.")
    ],
    model: Annotated[
        str, typer.Option(help="A .pte, .onnx, .pth or .safetensors file, or a name.")
    ] = "tiny",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    image_size: Annotated[
        str | None,
        typer.Option(help="Input size for a checkpoint: one side, or HEIGHTxWIDTH. Default: 448."),
    ] = None,
    classes: ClassesOption = None,
    json: JsonOption = False,
) -> None:
    """Segment pictures, and show what was found where.

    Each picture gives NAME.overlay.png, the classes in colour with a legend,
    and NAME.labels.png, whose values are the class ids, both at its own size.

    A picture that cannot be read is reported, and the others go on; the
    command then exits with 1.

    Examples:

      topformer predict photo.jpg --model topformer-tiny-448x448-xnnpack.pte

      topformer predict holiday/ --model model.pth --image-size 512 --out found
    """
    from topformer.cli.documents import PictureDocument, PredictDocument  # noqa: PLC0415
    from topformer.images import find_pictures  # noqa: PLC0415
    from topformer.preprocess import parse_image_size  # noqa: PLC0415
    from topformer.runtimes import open_model  # noqa: PLC0415

    paths = find_pictures(pictures)
    if not paths:
        raise UsageError(f"There are no pictures in {', '.join(map(str, pictures))}.")
    _check_names(paths)
    size = parse_image_size(image_size) if image_size is not None else None
    named = named_by(classes)
    done: list[PictureDocument] = []
    failures: list[FailureDocument] = []
    with stage_display() as show_stage, weights_as("--model "):
        show_stage(f"opening {model}")
        opened = open_model(model, image_size=size, classes=named)
        for number, path in enumerate(paths, start=1):
            show_stage(f"segmenting {path.name} ({number} of {len(paths)})")
            result = _segment(path, opened, out)
            if isinstance(result, PictureDocument):
                done.append(result)
            else:
                failures.append(result)
    weights = opened.manifest.weights
    tell_form(opened.notes)
    announce_random(weights)
    announce_unnamed(opened.manifest.classes, weights)
    if json:
        print_document(
            PredictDocument(
                model=model,
                runtime=opened.runtime,
                variant=opened.manifest.model.variant,
                weights=weights,
                random_weights=weights.is_random,
                image_size=(opened.manifest.input.height, opened.manifest.input.width),
                pictures=tuple(done),
                failures=tuple(failures),
            )
        )
    else:
        print_lines(path for one in done for path in (one.overlay, one.labels))
    raise typer.Exit(1 if failures else 0)


def _check_names(paths: list[Path]) -> None:
    """Refuse pictures whose results would overwrite each other, before any is made."""
    by_name: dict[str, Path] = {}
    for path in paths:
        # Names that differ in case only are one name on some systems.
        other = by_name.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise UsageError(
                f"{other} and {path} would be written to the same files.",
                why=f"Results are named after the picture: {path.stem}.overlay.png.",
                next_step="Run them one after the other, with different --out folders.",
            )


def _segment(path: Path, opened: OpenedModel, out: Path) -> PictureDocument | FailureDocument:
    """Make both files of one picture; a picture that can't be read is told and returned."""
    from rich.text import Text  # noqa: PLC0415

    from topformer.cli.documents import (  # noqa: PLC0415
        ClassDocument,
        FailureDocument,
        PictureDocument,
    )
    from topformer.cli.tables import print_table  # noqa: PLC0415
    from topformer.drawing import (  # noqa: PLC0415
        found_classes,
        label_image,
        overlay_image,
        save_png,
    )
    from topformer.images import read_picture  # noqa: PLC0415

    try:
        pixels: NDArray[np.uint8] = read_picture(path)
    except TopformerError as error:
        stderr().print(Text.assemble(("failed: ", "bold red"), str(error)), soft_wrap=True)
        return FailureDocument(
            path=str(path), what=error.what, why=error.why, next_step=error.next_step
        )
    manifest = opened.manifest
    labels = opened.labels(pixels)
    overlay_path, labels_path = out / f"{path.stem}.overlay.png", out / f"{path.stem}.labels.png"
    random = manifest.weights.is_random
    description = f"TopFormer {manifest.model.variant}, weights: {manifest.weights.name}"
    description += ", RANDOM: the classes mean nothing" if random else ""
    note = "random weights: the classes mean nothing" if random else ""
    overlay = overlay_image(pixels, labels, manifest.classes, note=note)
    save_png(overlay, overlay_path, description=description)
    save_png(label_image(labels, manifest.classes), labels_path, description=description)
    found = found_classes(labels, manifest.classes)
    remark = " (random weights)" if random else ""
    stderr().print(Text.assemble((path.name, "bold"), (remark, "yellow")), soft_wrap=True)
    print_table(_table(found))
    return PictureDocument(
        path=str(path),
        width=pixels.shape[1],
        height=pixels.shape[0],
        overlay=str(overlay_path),
        labels=str(labels_path),
        classes=tuple(ClassDocument(id=one.id, name=one.name, share=one.share) for one in found),
    )


def _table(found: list[FoundClass]) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from topformer.drawing import percent  # noqa: PLC0415

    table = Table()
    table.add_column("class")
    table.add_column("share", justify="right")
    shown = found[:MOST_TABLE_ROWS]
    for one in shown:
        red, green, blue = one.colour
        name = Text.assemble(("■ ", f"rgb({red},{green},{blue})"), one.name)
        table.add_row(name, percent(one.share))
    rest = found[len(shown) :]
    if rest:
        table.add_row(f"{len(rest)} more", percent(sum(one.share for one in rest)))
    return table
