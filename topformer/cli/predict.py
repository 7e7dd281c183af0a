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
    warn_of_letters,
    weights_as,
)
from topformer.errors import TopformerError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from topformer.cli.documents import FailureDocument, PictureDocument
    from topformer.manifest import Manifest
    from topformer.runtimes import OpenedModel

MOST_TABLE_ROWS = 12
# The largest of a picture stand in its line.
LINE_CLASSES = 3


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
    Names that are too long for a file are shortened.

    A picture that cannot be read, or whose results cannot be written, is
    reported, and the others go on; the command then exits with 1.

    Examples:

      topformer predict photo.jpg --model topformer-tiny-448x448-xnnpack.pte

      topformer predict holiday/ --model model.pth --image-size 512 --out found
    """
    from topformer.cli.documents import PictureDocument, PredictDocument  # noqa: PLC0415
    from topformer.cli.tables import print_table  # noqa: PLC0415
    from topformer.files import ensure_writable_folder  # noqa: PLC0415
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
    ensure_writable_folder(out)
    with stage_display() as show_stage, weights_as("--model "):
        show_stage(f"opening {model}")
        opened = open_model(model, image_size=size, classes=named)
        show_stage(f"segmenting {paths[0].name}" if len(paths) == 1 else "segmenting")
        with show_stage.counting("segmenting", len(paths), told=True) as tell:
            for number, path in enumerate(paths, start=1):
                result = _segment(path, opened, out)
                if isinstance(result, PictureDocument):
                    done.append(result)
                    _tell(path, result, opened.manifest, with_classes=len(paths) > 1)
                else:
                    failures.append(result)
                    _tell_failure(result)
                tell(number)
    weights = opened.manifest.weights
    tell_form(opened.notes)
    if done:
        print_table(_table(done, opened.manifest))
    if len(done) > 1:
        stderr().print(f"overlays and label pictures are in {out}", soft_wrap=True)
    warn_of_letters(entry.name for one in done for entry in one.classes)
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
        # Those of many pictures would push the table off the screen.
        results = (path for one in done for path in (one.overlay, one.labels))
        print_lines(results, shown=len(done) > 1)
    raise typer.Exit(1 if failures else 0)


def _check_names(paths: list[Path]) -> None:
    """Refuse pictures whose results would overwrite each other, before any is made."""
    by_name: dict[str, Path] = {}
    for path in paths:
        # Names that differ in case only are one name on some systems.
        other = by_name.setdefault(_result_names(path)[0].casefold(), path)
        if other is not path:
            raise UsageError(
                f"{other} and {path} would be written to the same files.",
                why=f"Results are named after the picture: {_result_names(path)[0]}.",
                next_step="Run them one after the other, with different --out folders.",
            )


def _result_names(picture: Path) -> tuple[str, str]:
    """Names of the overlay and of the label picture."""
    from topformer.files import fitting_name  # noqa: PLC0415

    overlay = fitting_name(picture.stem, ".overlay.png")
    return overlay, f"{overlay.removesuffix('.overlay.png')}.labels.png"


def _segment(path: Path, opened: OpenedModel, out: Path) -> PictureDocument | FailureDocument:
    """Make both files of one picture; what goes wrong with it is returned."""
    from topformer.cli.documents import FailureDocument  # noqa: PLC0415

    try:
        return _make_results(path, opened, out)
    except TopformerError as error:
        return FailureDocument(
            path=str(path), what=error.what, why=error.why, next_step=error.next_step
        )


def _make_results(path: Path, opened: OpenedModel, out: Path) -> PictureDocument:
    from topformer.cli.documents import ClassDocument, PictureDocument  # noqa: PLC0415
    from topformer.drawing import (  # noqa: PLC0415
        found_classes,
        label_image,
        save_png,
    )
    from topformer.images import read_picture  # noqa: PLC0415

    pixels: NDArray[np.uint8] = read_picture(path)
    manifest = opened.manifest
    labels = opened.predict(pixels)
    overlay_path, labels_path = (out / name for name in _result_names(path))
    random = manifest.weights.is_random
    description = f"TopFormer {manifest.model.variant}, weights: {manifest.weights.name}"
    description += ", RANDOM: the classes mean nothing" if random else ""
    note = "random weights: the classes mean nothing" if random else ""
    overlay = opened.task.draw(pixels, labels, note=note)
    save_png(overlay, overlay_path, description=description)
    save_png(label_image(labels, manifest.classes), labels_path, description=description)
    found = found_classes(labels, manifest.classes)
    return PictureDocument(
        path=str(path),
        width=pixels.shape[1],
        height=pixels.shape[0],
        overlay=str(overlay_path),
        labels=str(labels_path),
        classes=tuple(ClassDocument(id=one.id, name=one.name, share=one.share) for one in found),
    )


def _tell(path: Path, result: PictureDocument, manifest: Manifest, *, with_classes: bool) -> None:
    """Say in one line that a picture is done, and what was found in it."""
    from rich.text import Text  # noqa: PLC0415

    from topformer.drawing import percent  # noqa: PLC0415
    from topformer.text import printable  # noqa: PLC0415

    shown = result.classes[:LINE_CLASSES]
    found = ", ".join(f"{printable(one.name)} {percent(one.share)}" for one in shown)
    more = len(result.classes) - len(shown)
    found += f" and {more} more" if more else ""
    found = f": {found}" if with_classes else ""
    remark = " (random weights)" if manifest.weights.is_random else ""
    name = printable(path.name)
    stderr().print(Text.assemble((name, "bold"), (remark, "yellow"), found), soft_wrap=True)


def _tell_failure(failure: FailureDocument) -> None:
    from rich.text import Text  # noqa: PLC0415

    said = (failure.what, failure.why, failure.next_step)
    text = " ".join(part for part in said if part)
    stderr().print(Text("failed:", style="bold red"), text, soft_wrap=True)


def _table(done: list[PictureDocument], manifest: Manifest) -> Table:
    """Show the classes found, largest first: their share of all pixels, in how many pictures."""
    from collections import Counter  # noqa: PLC0415

    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from topformer.drawing import percent  # noqa: PLC0415
    from topformer.text import printable  # noqa: PLC0415

    pixels, pictures = Counter[int](), Counter[int]()
    for one in done:
        for entry in one.classes:
            pixels[entry.id] += round(entry.share * one.width * one.height)
            pictures[entry.id] += 1
    total = pixels.total()
    several = len(done) > 1
    mark = "■ " if stderr().encoding.startswith("utf") else ""
    table = Table()
    table.add_column("class")
    table.add_column("share", justify="right")
    if several:
        table.add_column(f"in {len(done):,} pictures", justify="right")
    shown = pixels.most_common(MOST_TABLE_ROWS)
    for number, count in shown:
        red, green, blue = manifest.classes.palette[number]
        name = printable(manifest.classes.names[number])
        cell = Text.assemble((mark, f"rgb({red},{green},{blue})"), name)
        table.add_row(cell, percent(count / total), *([f"{pictures[number]:,}"] * several))
    rest = len(pixels) - len(shown)
    if rest:
        left = total - sum(count for _, count in shown)
        table.add_row(f"{rest} more", percent(left / total), *([""] * several))
    return table
