"""A sheet of pictures, each as panels side by side with words above and a legend below."""

# pyright: standard
# Not strict: matplotlib types its methods loosely.

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from topformer.figures import (
    CHARACTER_WIDTH,
    EDGE_IN,
    FAINT,
    INK,
    LINE,
    Caption,
    captioned_figure,
    encode_png,
    shorten,
)
from topformer.fonts import drawable
from topformer.text import columns

DPI = 100
PANEL_PX, PANEL_GAP_PX, COLUMN_GAP_PX, EDGE_PX = 352, 6, 44, round(EDGE_IN * DPI)
# Above all panels; above each row its title, below it its legend.
HEADING_PX, TITLE_PX, LEGEND_PX = 22, 30, 56
FONT_PT, LEGEND_LINES = 9.5, 2
# What a colour takes besides its text, in characters.
SWATCH_CHARACTERS = 4
FILE_CHARACTERS = 60


@dataclass(frozen=True, kw_only=True)
class PanelPicture:
    """A picture on a sheet."""

    name: str
    # Stands above it on the right.
    note: str = ""
    # RGB, of one size that `panel_size` gives.
    panels: Sequence[NDArray[np.uint8]]
    # Colours with their texts, the most important first.
    legend: Sequence[tuple[tuple[int, int, int], str]]


def panel_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of a picture's panels: it keeps its shape and fits into a square."""
    factor = PANEL_PX / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def draw_panels(shown: Sequence[PanelPicture], headings: Sequence[str], caption: Caption) -> bytes:
    """Draw pictures in two columns, in their order along the rows; returns a PNG.

    `headings` stand over the panels of the first row, as many as it has.
    """
    panels = max(len(one.panels) for one in shown)
    strips = [_strip(one.panels, panels) for one in shown]
    in_row = min(2, len(shown))
    rows = -(-len(shown) // in_row)
    height_px, strip_px = max(len(strip) for strip in strips), strips[0].shape[1]
    width_px = 2 * EDGE_PX + in_row * (strip_px + COLUMN_GAP_PX) - COLUMN_GAP_PX
    body_px = rows * (TITLE_PX + height_px + LEGEND_PX) + HEADING_PX
    figure = captioned_figure(caption, width_px / DPI, body_px / DPI, dpi=DPI)
    # Placed to the pixel, so that none of a panel's is left out or blurred.
    figure.set_layout_engine("none")
    page_px = figure.bbox.height
    grid = figure.subplots(
        rows,
        in_row,
        squeeze=False,
        gridspec_kw={
            "left": EDGE_PX / width_px,
            "right": 1 - EDGE_PX / width_px,
            "bottom": LEGEND_PX / page_px,
            "top": (body_px - HEADING_PX - TITLE_PX) / page_px,
            "wspace": COLUMN_GAP_PX / strip_px,
            "hspace": (TITLE_PX + LEGEND_PX) / height_px,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, one, strip in zip(grid.flat, shown, strips, strict=False):
        axes.set_anchor("NW")
        axes.imshow(strip, interpolation="nearest")
        name = shorten(drawable(one.name), FILE_CHARACTERS)
        axes.set_title(name, loc="left", fontsize=FONT_PT, color=INK, weight="bold")
        axes.set_title(one.note, loc="right", fontsize=FONT_PT, color=INK)
        patches = [
            (Patch(facecolor=_share(colour), edgecolor=LINE, linewidth=0.6), text)
            for colour, text in one.legend
        ]
        _write_legend(axes, patches)
    for axes in grid[0, : len(shown)]:
        for panel, heading in enumerate(headings[:panels]):
            axes.annotate(
                heading,
                (panel * (PANEL_PX + PANEL_GAP_PX), 0),
                (0, 25),
                textcoords="offset points",
                fontsize=FONT_PT,
                color=FAINT,
            )
    return encode_png(figure, description=caption.text)


def _strip(shown: Sequence[NDArray[np.uint8]], panels: int) -> NDArray[np.uint8]:
    """Panels side by side; white where nothing is left."""
    height, width = shown[0].shape[:2]
    strip = np.full((height, panels * (PANEL_PX + PANEL_GAP_PX) - PANEL_GAP_PX, 3), 255, np.uint8)
    for panel, pixels in enumerate(shown):
        left = panel * (PANEL_PX + PANEL_GAP_PX)
        strip[:, left : left + width] = pixels
    return strip


def _share(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = (channel / 255 for channel in colour)
    return red, green, blue


def _write_legend(axes: Axes, entries: Sequence[tuple[Patch, str]]) -> None:
    """Write as many entries as two lines hold, the first ones in the first line."""
    room = axes.bbox.width / (FONT_PT / 72 * DPI * CHARACTER_WIDTH)
    in_line = len(entries)
    while in_line > 1 and _characters(entries[: LEGEND_LINES * in_line], in_line) > room:
        in_line -= 1
    most = LEGEND_LINES * in_line
    if len(entries) > most:
        rest = (Patch(visible=False), f"+ {len(entries) - most + 1} more")
        entries = [*entries[: most - 1], rest]
    # A legend fills its columns one after the other.
    entries = [entry for column in range(in_line) for entry in entries[column::in_line]]
    axes.legend(
        [patch for patch, _ in entries],
        [text for _, text in entries],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        ncols=max(1, in_line),
        frameon=False,
        borderpad=0,
        handlelength=1,
        handleheight=1,
        handletextpad=0.4,
        columnspacing=1,
        labelspacing=0.3,
        fontsize=FONT_PT,
        labelcolor=INK,
    )


def _characters(entries: Sequence[tuple[Patch, str]], in_line: int) -> int:
    """Width of a legend in so many columns."""
    widths = [columns(text) + SWATCH_CHARACTERS for _, text in entries]
    return sum(max(widths[column::in_line]) for column in range(in_line))
