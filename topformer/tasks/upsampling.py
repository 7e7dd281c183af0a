"""Logits to labels at full size, exactly, without the full-size logits.

Upsampling 150 classes to 448x448 and taking the argmax costs many times the network that made
them. But a bilinear sample is a convex combination of the four logits around it, so within a cell,
the patch of pixels between four neighbouring logits, no class rises above its largest corner or
falls below its smallest. Let L be the largest of all classes' smallest corners: a class whose
largest corner is below L wins nowhere in the cell, nor does one that another class beats at all
four corners. Mostly a single class is left, and has won the whole cell; otherwise the few that are
left are interpolated on its pixels, and only those.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from topformer.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

# Pixels are interpolated in blocks of at most this side, so that no temporary grows with the size.
LARGEST_BLOCK_PX = 16
# Numbers interpolated at once; bounds the temporaries of large outputs.
VALUES_AT_ONCE = 2**18
# Logits searched at once: temporaries so small that the allocator keeps them between calls, instead
# of taking half a thousand new pages from the system in each.
LOGITS_AT_ONCE = 2**17
# Up to so many candidates a loop over them beats numpy's argmax along the first axis.
FEW_VALUES = 16


@overload
def upsample_labels(logits: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.int64]: ...
@overload
def upsample_labels(logits: "Tensor", size: tuple[int, int]) -> "Tensor": ...
def upsample_labels(
    logits: "NDArray[np.floating] | Tensor", size: tuple[int, int]
) -> "NDArray[np.int64] | Tensor":
    """Class ids of logits upsampled to `size`, (height, width): [b, c, h, w] -> int64 [b, H, W].

    The result is that of `interpolate(logits, size, mode="bilinear", align_corners=False)` followed
    by `argmax(1)`, ties going to the lower id, NaN winning as it does there. It can differ only
    where the two best classes are equal but for rounding. numpy in, numpy out; torch in, torch out
    on the same device (the work is done on the CPU). Half precision is interpolated in float32.

    Raises `UsageError` when the logits are not a floating [b, c, h, w] or a side is below 1.
    """
    if isinstance(logits, np.ndarray):
        return _labels(logits, size, np.int64)
    import torch  # noqa: PLC0415 - callers without torch tensors need not wait for torch

    values = logits.detach().cpu()
    if values.dtype in (torch.float16, torch.bfloat16):
        values = values.float()
    return torch.as_tensor(_labels(values.numpy(), size, np.int64), device=logits.device)


def upsample_ids(logits: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.uint16]:
    """Do what `upsample_labels` does, in the 16 bits that class ids need: a quarter of the memory.

    There must be no more than 65,536 classes.
    """
    return _labels(logits, size, np.uint16)


IdT = TypeVar("IdT", np.int64, np.uint16)


def _labels(logits: NDArray[np.floating], size: tuple[int, int], dtype: type[IdT]) -> NDArray[IdT]:
    if logits.ndim != 4 or 0 in logits.shape[1:] or logits.dtype.kind != "f":
        raise UsageError(
            f"Logits of shape {list(logits.shape)} and type {logits.dtype} have no labels.",
            why="They must be floating point, [batch, classes, height, width], and not empty.",
        )
    if len(size) != 2 or min(size) < 1:
        raise UsageError(
            f"Labels cannot have the size {size}.",
            why="The size is (height, width) in pixels, each at least 1.",
        )
    if logits.dtype == np.float16:
        logits = logits.astype(np.float32)
    rows = _Axis.between(logits.shape[2], size[0], logits.dtype)
    columns = _Axis.between(logits.shape[3], size[1], logits.dtype)
    labels = np.empty((len(logits), *size), dtype)
    # Zero times infinity is NaN here as in torch, and needs no warning.
    with np.errstate(invalid="ignore", over="ignore"):
        for item, out in zip(logits, labels, strict=True):
            _label_picture(np.ascontiguousarray(item), rows, columns, out)
    return labels


@dataclass(frozen=True, kw_only=True)
class _Blocks:
    """Runs of pixels along one side of the labels, `n` of them, each within one cell."""

    # Per block [n]: the two logits it lies between; the first one is the cell's number too.
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    # [block_px, n]; where a block is shorter, its last pixel is repeated.
    pixels: NDArray[np.intp]
    # The weight of the second logit on each pixel.
    shares: NDArray[np.floating]

    def take(self, which: NDArray[np.intp]) -> "_Blocks":
        """Select blocks by number."""
        return _Blocks(
            first=self.first[which],
            second=self.second[which],
            pixels=self.pixels[:, which],
            shares=self.shares[:, which],
        )


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """How the pixels along one side of the labels lie between the logits of that side."""

    cell_of_pixel: NDArray[np.intp]
    blocks: _Blocks

    @classmethod
    def between(cls, logits: int, pixels: int, dtype: np.dtype[np.floating]) -> "_Axis":
        """Place `pixels` over `logits` as torch does: aten/src/ATen/native/UpSample.h.

        Its scale * (pixel + 0.5) - 0.5 is a fused multiply-add, rounded once. For float32, float64
        rounded at the end gives the same bits; float64 itself may differ in the last one.
        """
        scale = np.float64(dtype.type(logits) / dtype.type(pixels))
        position = (scale * (np.arange(pixels) + 0.5) - 0.5).astype(dtype).clip(min=0)
        cell = np.minimum(position.astype(np.intp), logits - 1)
        share = position - cell.astype(dtype)
        # A whole cell's pixels; the border cells have half as many more, and thus two blocks.
        block_px = min(LARGEST_BLOCK_PX, -(-pixels // logits))
        place_in_cell = np.arange(pixels) - np.searchsorted(cell, cell)
        starts = np.flatnonzero(place_in_cell % block_px == 0)
        ends = np.append(starts[1:], pixels)
        block_pixels = np.minimum(starts + np.arange(block_px)[:, None], ends - 1)
        first = cell[starts]
        # Where nothing is to be resized torch reads no neighbour, be it infinite.
        second = first if logits == pixels else np.minimum(first + 1, logits - 1)
        blocks = _Blocks(
            first=first, second=second, pixels=block_pixels, shares=share[block_pixels]
        )
        return cls(cell_of_pixel=cell, blocks=blocks)


@dataclass(frozen=True, kw_only=True)
class _Candidates:
    """The classes that may win somewhere in each cell, cells in C order.

    Cell `i` has `classes[starts[i] : starts[i + 1]]`, in ascending order and never none.
    """

    classes: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def everything(cls, shape: tuple[int, ...]) -> "_Candidates":
        """Every class in every cell, for logits [c, h, w] that can't be compared."""
        count, cells = shape[0], shape[1] * shape[2]
        return cls(
            classes=np.tile(np.arange(count), cells),
            starts=np.arange(cells + 1) * count,
        )

    @classmethod
    def search(cls, logits: NDArray[np.floating]) -> "_Candidates":
        """Compare the corners of the cells of finite logits [c, h, w]."""
        count, height, width = logits.shape
        band = max(1, LOGITS_AT_ONCE // (count * width))
        found_classes: list[NDArray[np.intp]] = []
        found_cells: list[NDArray[np.intp]] = []
        for first in range(0, height, band):
            last = min(first + band, height)
            part = logits[:, first : last + 1]
            lower_bound = _pool(part, np.minimum, last - first).max(axis=0)
            possible = _pool(part, np.maximum, last - first) >= lower_bound
            found = np.divmod(np.flatnonzero(possible), (last - first) * width)
            found_classes.append(found[0])
            found_cells.append(found[1] + first * width)
        cells = np.concatenate(found_cells)
        # Stable, so that classes stay in order.
        order = np.argsort(cells, kind="stable")
        classes, cells = np.concatenate(found_classes)[order], cells[order]
        kept = ~_beaten(logits, classes, cells)
        cell_count: int = height * width
        return cls(
            classes=classes[kept],
            starts=np.searchsorted(cells[kept], np.arange(cell_count + 1)),
        )

    def of(self, cells: NDArray[np.intp], count: int) -> NDArray[np.intp]:
        """Candidates [count, n] of `n` cells; the last one is repeated where a cell has fewer."""
        starts, ends = self.starts[cells], self.starts[cells + 1]
        return self.classes[np.minimum(starts + np.arange(count)[:, None], ends - 1)]


def _pool(part: NDArray[np.floating], extreme: np.ufunc, rows: int) -> NDArray[np.floating]:
    """Extreme of the corners of each cell: [c, h, w] -> [c, rows, w], rows being h or h - 1.

    The cells of the last column, and of the last row where it has no next, end at their own logit.
    """
    down = np.empty((part.shape[0], rows, part.shape[2]), part.dtype)
    inner = part.shape[1] - 1
    extreme(part[:, :inner], part[:, 1:], out=down[:, :inner])
    down[:, inner:] = part[:, inner:rows]
    # As one long row, where numpy is fastest; what reaches across two rows is overwritten.
    across = np.empty_like(down)
    extreme(down.ravel()[:-1], down.ravel()[1:], out=across.ravel()[:-1])
    across[:, :, -1] = down[:, :, -1]
    return across


def _beaten(
    logits: NDArray[np.floating], classes: NDArray[np.intp], cells: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which candidates one other class of their cell beats at all four corners: [n] of [n].

    `cells` is ascending. The other class is the cell's best by its smallest corner, whose smallest
    corner is the bound L: about half of the candidates that L leaves fall to it.
    """
    height, width = logits.shape[1:]
    row, column = np.divmod(cells, width)
    below, right = np.minimum(row + 1, height - 1), np.minimum(column + 1, width - 1)
    corners = np.stack(
        [
            logits[classes, row, column],
            logits[classes, row, right],
            logits[classes, below, column],
            logits[classes, below, right],
        ]
    )
    smallest = corners.min(axis=0)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    cell_place = np.cumsum(np.diff(cells, prepend=-1) > 0) - 1
    is_best = smallest == np.maximum.reduceat(smallest, starts)[cell_place]
    best = np.empty(len(starts), np.intp)
    best[cell_place[is_best]] = np.flatnonzero(is_best)
    return np.logical_and.reduce(corners < corners[:, best[cell_place]])


def _label_picture(
    logits: NDArray[np.floating], rows: _Axis, columns: _Axis, labels: NDArray[IdT]
) -> None:
    """Fill `labels` [H, W] from `logits` [c, h, w]."""
    finite = bool(np.isfinite(logits).all())
    candidates = _Candidates.search(logits) if finite else _Candidates.everything(logits.shape)
    # Every cell takes its first candidate; those with more are overwritten below.
    winners = candidates.classes[candidates.starts[:-1]].reshape(logits.shape[1:])
    winners = winners.astype(labels.dtype)
    # "clip", because numpy buffers the output where it might have to raise.
    np.take(winners[rows.cell_of_pixel], columns.cell_of_pixel, axis=1, out=labels, mode="clip")

    cells = rows.blocks.first[:, None] * logits.shape[2] + columns.blocks.first
    counts = np.diff(candidates.starts)[cells]
    block_px = len(rows.blocks.pixels) * len(columns.blocks.pixels)
    # Blocks of 2, 3-4, 5-8, ... candidates are contested together.
    magnitudes = np.frexp(counts - 1)[1]
    for magnitude in np.unique(magnitudes[counts > 1]):
        in_rows, in_columns = np.nonzero(magnitudes == magnitude)
        most = counts[in_rows, in_columns].max()
        at_once = max(1, VALUES_AT_ONCE // (most * block_px))
        for begin in range(0, len(in_rows), at_once):
            row = in_rows[begin : begin + at_once]
            column = in_columns[begin : begin + at_once]
            classes = candidates.of(cells[row, column], most)
            _contest(
                logits,
                classes,
                rows.blocks.take(row),
                columns.blocks.take(column),
                labels,
                finite=finite,
            )


def _contest(
    logits: NDArray[np.floating],
    classes: NDArray[np.intp],
    rows: _Blocks,
    columns: _Blocks,
    labels: NDArray[IdT],
    *,
    finite: bool,
) -> None:
    """Interpolate `classes` [k, n] on the pixels of `n` blocks, and write the winners.

    First along the rows, then between them, as torch does. Blocks come last in every array: numpy
    is fastest on long last axes.
    """

    def along(row: NDArray[np.intp]) -> NDArray[np.floating]:
        left = logits[classes, row, columns.first][:, None]
        right = logits[classes, row, columns.second][:, None]
        return _mix(left, right, columns.shares)  # [k, block_px, n]

    top, bottom = along(rows.first)[:, None], along(rows.second)[:, None]
    values = _mix(top, bottom, rows.shares[:, None])  # [k, block_px, block_px, n]
    pixels = (rows.pixels * labels.shape[1])[:, None] + columns.pixels
    labels.reshape(-1)[pixels] = _winners(values, classes, finite=finite)


def _mix(
    first: NDArray[np.floating], second: NDArray[np.floating], share: NDArray[np.floating]
) -> NDArray[np.floating]:
    mixed = (1 - share) * first
    mixed += share * second
    return mixed


def _winners(
    values: NDArray[np.floating], classes: NDArray[np.intp], *, finite: bool
) -> NDArray[np.intp]:
    """Class [y, x, n] of the largest of `values` [k, y, x, n], given the `classes` [k, n].

    As `argmax` has it, but several times faster for few finite values: the first of equal ones.
    """
    if len(values) > FEW_VALUES or not finite:
        return np.take_along_axis(classes[:, None, None], values.argmax(axis=0)[None], axis=0)[0]
    largest, winner = values[0], np.broadcast_to(classes[0], values.shape[1:])
    for value, number in zip(values[1:], classes[1:], strict=True):
        winner = np.where(value > largest, number, winner)
        largest = np.maximum(largest, value)
    return winner
