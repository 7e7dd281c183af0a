"""Semantic segmentation: logits at 1/8 of the input's size, one map a class, become labels.

The file holds no enlarging and no argmax: `upsampling` makes the same labels many times faster.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from topformer import metrics
from topformer.drawing import overlay_image
from topformer.errors import TopformerError
from topformer.manifest import Agreement, Manifest, OutputInfo
from topformer.tasks import GOLDEN_SAMPLES, Answer, Outputs, Task, sample, sample_positions
from topformer.tasks.upsampling import VALUES_AT_ONCE, upsample_ids
from topformer.variants import LOGIT_STRIDE, MAXIMUM_SIDE_PX

if TYPE_CHECKING:
    from PIL.Image import Image

    from topformer.model import TopFormer

# A pixel is tied when its two best classes are closer than this share of the logits' standard
# deviation: about what float16 would lose, a thousand times what float32 does.
TIE_SHARE = 1e-3

FloatArray = NDArray[np.floating]
# Class ids [h, w].
Labels = NDArray[np.integer]


class Segmentation(Task[Labels]):
    """One output, the logits [1, c, h/8, w/8]; the result is the labels [H, W] of a picture."""

    noun = "labels"

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        match [(output.meaning, output.stride, *output.shape) for output in manifest.outputs]:
            case [("logits", stride, 1, classes, height, width)] if (
                stride == LOGIT_STRIDE
                and classes == manifest.model.num_classes
                and max(height, width) <= MAXIMUM_SIDE_PX
            ):
                # [c, h, w].
                self.logits_shape = classes, height, width
            case _:
                raise TopformerError(
                    "The manifest's outputs are not those of a segmentation network.",
                    why=f"There must be one: logits [1, {manifest.model.num_classes}, height, "
                    f"width] with a stride of {LOGIT_STRIDE}.",
                )

    @classmethod
    def describe_outputs(
        cls, network: "TopFormer", image_size: tuple[int, int]
    ) -> tuple[OutputInfo, ...]:
        """Say what a network gives for inputs of one size (height, width)."""
        shape = network.logits_shape(*image_size)
        return (OutputInfo(meaning="logits", shape=shape, stride=LOGIT_STRIDE),)

    def postprocess(self, outputs: Outputs, size: tuple[int, int]) -> Labels:
        """Make the labels at `size`, the (height, width) of the picture."""
        (logits,) = outputs
        return upsample_ids(logits, size)[0]

    def compare(self, expected: Answer[Labels], found: Answer[Labels]) -> Agreement:
        """Compare all logits, and the labels of all pixels."""
        (reference,), (logits,) = expected.outputs, found.outputs
        height, width = expected.result.shape
        differing = np.flatnonzero(found.result != expected.result)
        margins = margins_at(reference, (height, width), differing)
        untied = int(np.count_nonzero(margins > tie_margin(reference)))
        return Agreement(
            max_abs_error=metrics.max_abs_error(reference, logits),
            sqnr_db=metrics.sqnr_db(reference, logits),
            result_agreement=label_agreement(expected.result, found.result),
            result_agreement_untied=1.0 - untied / found.result.size,
        )

    def sample(self, answer: Answer[Labels]) -> dict[str, bytes]:
        """Take some logits; and of some pixels the label, and how far it leads."""
        (logits,) = answer.outputs
        height, width = answer.result.shape
        margins = margins_at(logits, (height, width), sample_positions(answer.result.size))
        return {
            "logits": sample(logits).astype("<f4").tobytes(),
            "labels": sample(answer.result).astype("<u2").tobytes(),
            "margins": margins.astype("<f4").tobytes(),
        }

    def compare_sampled(self, samples: Mapping[str, bytes], found: Answer[Labels]) -> Agreement:
        """Compare at the samples.

        One pixel weighs more there than a gate on labels allows: those that all but tie are
        forgiven.
        """
        expected, labels, margins = read_samples(samples)
        reference = expected.astype(np.float64)
        logits = sample(found.outputs[0]).astype(np.float64)
        untied = (sample(found.result) != labels) & (margins > tie_margin(reference))
        agreement = 1.0 - float(untied.mean())
        return Agreement(
            max_abs_error=metrics.max_abs_error(reference, logits),
            sqnr_db=metrics.sqnr_db(reference, logits),
            result_agreement=agreement,
            result_agreement_untied=agreement,
        )

    def encode(self, result: Labels) -> bytes:
        """Write labels as uint16."""
        return result.astype("<u2").tobytes()

    def decode(self, data: bytes) -> Labels:
        """Read labels at the input's size; raises `TopformerError` for another number of them."""
        size = (self.manifest.input.height, self.manifest.input.width)
        if len(data) != 2 * size[0] * size[1]:
            raise TopformerError(f"{len(data):,} bytes are not {size[0]}x{size[1]} labels.")
        return np.frombuffer(data, "<u2").reshape(size)

    def runner_options(self) -> list[str]:
        """Nothing: the runner segments unless it is told otherwise."""
        return []

    def draw(self, picture: NDArray[np.uint8], result: Labels, *, note: str = "") -> "Image":
        """Lay the classes' colours over the picture, with a legend."""
        return overlay_image(picture, result, self.manifest.classes, note=note)


TASK = Segmentation


def read_samples(
    samples: Mapping[str, bytes],
) -> tuple[NDArray[np.float32], NDArray[np.uint16], NDArray[np.float32]]:
    """Logits, labels, and how far the best class leads the second at the labels' pixels.

    Raises `TopformerError` for anything but what `Segmentation.sample` wrote.
    """
    kinds = {"logits": "<f4", "labels": "<u2", "margins": "<f4"}
    sizes = {name: GOLDEN_SAMPLES * int(kind[-1]) for name, kind in kinds.items()}
    if {name: len(data) for name, data in samples.items()} != sizes:
        raise TopformerError(
            "The manifest's golden samples are not those of a segmentation network.",
            next_step="Export the model again with this version of topformer.",
        )
    logits, labels, margins = (np.frombuffer(samples[name], kind) for name, kind in kinds.items())
    # The margin of a single class is infinite.
    if not np.isfinite(logits).all() or np.isnan(margins).any():
        raise TopformerError(
            "The manifest's golden samples are no numbers.",
            next_step="Export the model again with this version of topformer.",
        )
    return logits, labels, margins


def label_agreement(reference: Labels, candidate: Labels) -> float:
    """Share of positions with the same label; 1 when there are none."""
    return float((reference == candidate).mean()) if reference.size else 1.0


def top2_margin(logits: FloatArray) -> FloatArray:
    """How far the best class leads the second best: [..., c, h, w] -> [..., h, w].

    Infinite where there is only one class.
    """
    if logits.shape[-3] == 1:
        return np.full(logits[..., 0, :, :].shape, np.inf, dtype=logits.dtype)
    best_two = np.partition(logits, -2, axis=-3)[..., -2:, :, :]
    return best_two[..., 1, :, :] - best_two[..., 0, :, :]


def tie_margin(logits: FloatArray) -> float:
    """Margin up to which two classes are tied, given the reference's logits or samples of them."""
    return TIE_SHARE * float(logits.std())


def margins_at(
    logits: FloatArray, size: tuple[int, int], positions: NDArray[np.integer]
) -> FloatArray:
    """How far the best class leads the second at some pixels of the enlarged logits.

    [1, c, h, w] -> [n], for n positions in C order of an image of `size`; bilinear, pixel centres
    aligned, as `interpolate(align_corners=False)` has it. A part of them is enlarged at a time.
    """
    at_once = max(1, VALUES_AT_ONCE // logits.shape[1])
    parts = [positions[start : start + at_once] for start in range(0, len(positions), at_once)]
    margins = [_margins_of_part(logits, size, part) for part in parts]
    return np.concatenate([np.zeros(0, logits.dtype), *margins])


def _margins_of_part(
    logits: FloatArray, size: tuple[int, int], positions: NDArray[np.integer]
) -> FloatArray:
    row, column = np.divmod(positions, size[1])
    top, bottom, down = _neighbours(row, logits.shape[2], size[0])
    left, right, across = _neighbours(column, logits.shape[3], size[1])
    grid = logits[0]
    upper = grid[:, top, left] * (1 - across) + grid[:, top, right] * across
    lower = grid[:, bottom, left] * (1 - across) + grid[:, bottom, right] * across
    values = upper * (1 - down) + lower * down
    return top2_margin(values[:, :, None])[:, 0]


def _neighbours(
    pixel: NDArray[np.integer], cells: int, pixels: int
) -> tuple[NDArray[np.integer], NDArray[np.integer], FloatArray]:
    position = np.maximum((pixel + 0.5) * cells / pixels - 0.5, 0.0)
    first = np.minimum(position.astype(np.int64), cells - 1)
    return first, np.minimum(first + 1, cells - 1), position - first
