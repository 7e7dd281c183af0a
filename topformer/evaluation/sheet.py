"""A sheet of pictures: each beside its labels and, where it was segmented, what was found."""

from collections.abc import Sequence
from math import isnan

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topformer.data.label_files import IGNORED
from topformer.drawing import percent
from topformer.evaluation.confusion import count, scores_of
from topformer.evaluation.panels import PanelPicture, draw_panels, panel_size
from topformer.evaluation.scoring import SegmentedPicture, picture_miou
from topformer.figures import Caption, shorten
from topformer.fonts import drawable
from topformer.manifest import Classes

HEADINGS = ("picture", "labels (hatched: not counted)", "prediction")
NAME_CHARACTERS = 20
CLASS_OPACITY = 0.75
HATCH_PERIOD_PX = 8
HATCH_COLOURS = ((58, 62, 70), (118, 123, 133))


def draw_sheet(shown: Sequence[SegmentedPicture], classes: Classes, caption: Caption) -> bytes:
    """Draw pictures in two columns, in their order along the rows; returns a PNG."""
    return draw_panels([_panels(one, classes) for one in shown], HEADINGS, caption)


def _panels(one: SegmentedPicture, classes: Classes) -> PanelPicture:
    height, width = panel_size(one.truth.shape[0], one.truth.shape[1])
    picture = Image.fromarray(one.picture).resize((width, height), Image.Resampling.LANCZOS)
    panels = [np.asarray(picture)]
    for labels in (one.truth, one.predicted):
        if labels is not None:
            small = Image.fromarray(labels.astype(np.uint8))
            small = small.resize((width, height), Image.Resampling.NEAREST)
            panels.append(_paint(panels[0], np.asarray(small), classes))
    note, legend = _describe(one, classes)
    return PanelPicture(name=one.name, note=note, panels=panels, legend=legend)


def _paint(
    picture: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Classes
) -> NDArray[np.uint8]:
    """Lay the classes' colours over a picture, and a hatching over what is ignored."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes.palette)] = classes.palette
    mixed = (1 - CLASS_OPACITY) * picture + CLASS_OPACITY * palette[labels]
    row, column = np.indices(labels.shape)
    stripes = (row + column) // (HATCH_PERIOD_PX // 2) % 2
    hatch = np.array(HATCH_COLOURS)[stripes]
    return np.where((labels == IGNORED)[..., None], hatch, mixed).astype(np.uint8)


def _describe(
    one: SegmentedPicture, classes: Classes
) -> tuple[str, list[tuple[tuple[int, int, int], str]]]:
    """A picture's scores, and each class with its IoU or its share in it.

    By their share of the truth, then of what was found.
    """
    number_of, note = len(classes.names), ""
    if one.predicted is None:
        truth = counted = predicted = np.bincount(one.truth.ravel(), minlength=256)[:number_of]
        values = [percent(pixels / max(1, truth.sum())) for pixels in truth]
    else:
        counts = count(one.truth, one.predicted, number_of)
        scores, miou = scores_of(counts), picture_miou(counts)
        if not isnan(miou):
            note = f"mIoU {miou:.3f}, pixel accuracy {scores.pixel_accuracy:.3f}"
        truth, counted = counts.sum(1), counts.sum(0)
        # What is painted, on ignored ground, too.
        predicted = np.bincount(one.predicted.ravel(), minlength=number_of)
        values = [f"{iou:.2f}" for iou in scores.iou]
    legend: list[tuple[tuple[int, int, int], str]] = []
    order: list[int] = np.lexsort((-predicted, -truth)).tolist()
    for number in order:
        if truth[number] or predicted[number]:
            name = drawable(classes.names[number], otherwise=f"class {number}")
            absent = ", not there" if counted[number] else ", not counted"
            value = f" {values[number]}" if truth[number] else absent
            legend.append((classes.palette[number], shorten(name, NAME_CHARACTERS) + value))
    return note, legend
