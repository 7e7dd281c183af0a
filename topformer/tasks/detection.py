"""Object detection: class logits and box offsets of five levels become boxes with classes.

The file holds no anchors, no decoding and no suppression: the manifest says how, and
`topformer/boxes.py` does it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from topformer import metrics
from topformer.box_drawing import boxes_image
from topformer.boxes import Boxes, boxes_from, matched
from topformer.detection import LEAST_LOGIT, LEVEL_STRIDES, level_anchors
from topformer.errors import TopformerError
from topformer.manifest import Agreement, AnchorLevel, DetectionInfo, Manifest, OutputInfo
from topformer.tasks import GOLDEN_SAMPLES, Answer, Outputs, Task, sample
from topformer.variants import MAXIMUM_SIDE_PX

if TYPE_CHECKING:
    from PIL.Image import Image

    from topformer.detector import Detector

LOGITS, OFFSETS = "class logits", "box offsets"
# A box is all but tied with those that are left out when its score is this close to theirs.
TIE_SCORE = 1e-3
# Where there are fewer boxes than this on both sides together, one alone counts as of so many.
LEAST_BOXES = 20
# Outputs that vary by less than this count as if they varied by so much: logits move no score by
# more than 0.06 then, and offsets no box by more than a thousandth of its anchor.
LEAST_LOGIT_DEVIATION, LEAST_OFFSET_DEVIATION = 0.25, 1e-3
# As the runner writes a box: left, top, right, bottom, score, class id.
RECORD = np.dtype([("corners", "<f4", 4), ("score", "<f4"), ("label", "<u4")])
# What is expected, and what is found.
_Pair = tuple[NDArray[np.floating], NDArray[np.floating]]


class Detection(Task[Boxes]):
    """Logits and offsets of each level; the result is the boxes of a picture."""

    noun = "boxes"

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        info = manifest.detection
        described = [(one.meaning, one.stride, one.shape) for one in manifest.outputs]
        if info is None or described != self._described(info):
            raise TopformerError(
                "The manifest's outputs are not those of a detector.",
                why="There must be class logits, then box offsets, of each level of anchors.",
            )
        self.info: DetectionInfo = info

    def _described(self, info: DetectionInfo) -> list[tuple[str, int, tuple[int, ...]]]:
        """What the outputs must be by the anchors."""
        size = self.manifest.input
        if max(size.height, size.width) > MAXIMUM_SIDE_PX:
            return []
        return [
            (
                meaning,
                level.stride,
                (
                    1,
                    len(level.anchors) * numbers,
                    -(-size.height // level.stride),
                    -(-size.width // level.stride),
                ),
            )
            for meaning, numbers in ((LOGITS, self.manifest.model.num_classes), (OFFSETS, 4))
            for level in info.levels
        ]

    @classmethod
    def describe_outputs(
        cls, network: "Detector", image_size: tuple[int, int]
    ) -> tuple[OutputInfo, ...]:
        """Say what a network gives for inputs of one size (height, width)."""
        levels = len(LEVEL_STRIDES)
        return tuple(
            OutputInfo(meaning=meaning, shape=shape, stride=stride)
            for meaning, shape, stride in zip(
                [LOGITS] * levels + [OFFSETS] * levels,
                network.output_shapes(*image_size),
                LEVEL_STRIDES * 2,
                strict=True,
            )
        )

    @classmethod
    def describe_detection(cls) -> DetectionInfo | None:
        """Say how boxes are made of them."""
        return DetectionInfo(
            levels=tuple(
                AnchorLevel(stride=stride, anchors=level_anchors(stride))
                for stride in LEVEL_STRIDES
            )
        )

    def postprocess(self, outputs: Outputs, size: tuple[int, int]) -> Boxes:
        """Make the boxes in pixels of a picture of `size`, (height, width)."""
        own = (self.manifest.input.height, self.manifest.input.width)
        found = boxes_from(outputs, self.info, own)
        return found.scaled(size[1] / own[1], size[0] / own[0])

    def compare(self, expected: Answer[Boxes], found: Answer[Boxes]) -> Agreement:
        """Compare logits and offsets of each level, and match the boxes.

        The SQNR is that of the worst output: a level with few places counts as much as the others.
        The signal is how far an output deviates from its mean, or all levels together where that is
        more: one without objects hardly varies. Constants are none, because the bias that objects
        are unlikely by (-4.6 in all logits) would hide errors 12 dB larger in trained networks.
        Logits below `LEAST_LOGIT` count as equal to it: they are not what 8 bits are spent on.
        """
        pairs = list(zip(expected.outputs, found.outputs, strict=True))
        levels = len(self.info.levels)
        return self._agreement(pairs[:levels], pairs[levels:], expected.result, found.result)

    def weakness(self, results: Sequence[Boxes]) -> str:
        """Say where there are no boxes to compare."""
        if any(map(len, results)):
            return ""
        return (
            f"No input has a box that scores above {self.info.score_threshold:.2f}, as with random "
            "weights: the proof compares logits and offsets, and no boxes."
        )

    def _by_kind(self, outputs: Outputs) -> list[NDArray[np.floating]]:
        """All logits, and all offsets."""
        levels = len(self.info.levels)
        kinds = (outputs[:levels], outputs[levels:])
        return [np.concatenate([one.reshape(-1) for one in kind]) for kind in kinds]

    def _agreement(
        self,
        logits: Sequence[_Pair],
        offsets: Sequence[_Pair],
        expected: Boxes,
        found: Boxes,
    ) -> Agreement:
        agreement, untied = self._agreeing(expected, found)
        logits = [(_raised(own), _raised(other)) for own, other in logits]
        return Agreement(
            max_abs_error=max(metrics.max_abs_error(*pair) for pair in (*logits, *offsets)),
            sqnr_db=min(
                metrics.sqnr_db(*pair, least_deviation=_deviation(pairs, least))
                for pairs, least in (
                    (logits, LEAST_LOGIT_DEVIATION),
                    (offsets, LEAST_OFFSET_DEVIATION),
                )
                for pair in pairs
            ),
            result_agreement=agreement,
            result_agreement_untied=untied,
        )

    def _agreeing(self, expected: Boxes, found: Boxes) -> tuple[float, float]:
        """Share of the boxes of both sides that have a partner, and with those that tie forgiven.

        A score so close to the threshold, or to the last box where there are as many as may be, is
        decided by rounding.
        """
        total = len(expected) + len(found)
        if not total:
            return 1.0, 1.0
        alone = 0
        alone_untied = 0
        for boxes, has_partner in zip(
            (expected, found), matched(expected, found, iou=self.info.same_iou), strict=True
        ):
            limit = self.info.score_threshold
            if len(boxes) == self.info.most_boxes:
                limit = max(limit, float(boxes.scores.min()))
            alone += int((~has_partner).sum())
            alone_untied += int((~has_partner & (boxes.scores > limit + TIE_SCORE)).sum())
        counted = max(total, LEAST_BOXES)
        return 1.0 - alone / counted, 1.0 - alone_untied / counted

    def sample(self, answer: Answer[Boxes]) -> dict[str, bytes]:
        """Take some logits and offsets, and all boxes."""
        logits, offsets = self._by_kind(answer.outputs)
        return {
            "logits": sample(logits).astype("<f4").tobytes(),
            "offsets": sample(offsets).astype("<f4").tobytes(),
            "boxes": self.encode(answer.result),
        }

    def compare_sampled(self, samples: Mapping[str, bytes], found: Answer[Boxes]) -> Agreement:
        """Compare logits and offsets at the samples, and match the boxes; ties are forgiven."""
        *numbers, expected = self.read_samples(samples)
        logits, offsets = (
            (kept.astype(np.float64), sample(own).astype(np.float64))
            for kept, own in zip(numbers, self._by_kind(found.outputs), strict=True)
        )
        agreement = self._agreement([logits], [offsets], expected, found.result)
        return Agreement(
            max_abs_error=agreement.max_abs_error,
            sqnr_db=agreement.sqnr_db,
            result_agreement=agreement.result_agreement_untied,
            result_agreement_untied=agreement.result_agreement_untied,
        )

    def read_samples(
        self, samples: Mapping[str, bytes]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Boxes]:
        """Logits, offsets and all boxes; raises `TopformerError` for what `sample` did not take."""
        size = 4 * GOLDEN_SAMPLES
        if set(samples) != {"logits", "offsets", "boxes"} or any(
            len(samples[name]) != size for name in ("logits", "offsets")
        ):
            raise TopformerError(
                "The manifest's golden samples are not those of a detector.",
                next_step="Export the model again with this version of topformer.",
            )
        logits, offsets = (np.frombuffer(samples[name], "<f4") for name in ("logits", "offsets"))
        if not (np.isfinite(logits).all() and np.isfinite(offsets).all()):
            raise TopformerError(
                "The manifest's golden samples are no numbers.",
                next_step="Export the model again with this version of topformer.",
            )
        return logits, offsets, self.decode(samples["boxes"])

    def encode(self, result: Boxes) -> bytes:
        """Write boxes one after the other: four corners and the score in float32, the class id."""
        return records_of_boxes(result)

    def decode(self, data: bytes) -> Boxes:
        """Read boxes; raises `TopformerError` for what cannot be boxes of this network."""
        if len(data) % RECORD.itemsize or len(data) > self.info.most_boxes * RECORD.itemsize:
            raise TopformerError(
                f"{len(data):,} bytes are not boxes of {RECORD.itemsize} bytes, at most "
                f"{self.info.most_boxes}."
            )
        boxes = boxes_of_records(data, classes=self.manifest.model.num_classes)
        if boxes is None:
            raise TopformerError("The boxes hold numbers that no box has.")
        return boxes

    def runner_options(self) -> list[str]:
        """Tell the runner all that the manifest says of boxes."""
        info = self.info
        levels = (
            f"{level.stride}:{','.join(repr(side) for one in level.anchors for side in one)}"
            for level in info.levels
        )
        return [
            *super().runner_options(),
            f"--levels={';'.join(levels)}",
            f"--score-threshold={info.score_threshold!r}",
            f"--candidates-per-level={info.candidates_per_level}",
            f"--nms-iou={info.nms_iou!r}",
            f"--most-boxes={info.most_boxes}",
            f"--largest-log-scale={info.largest_log_scale!r}",
        ]

    def draw(self, picture: NDArray[np.uint8], result: Boxes, *, note: str = "") -> "Image":
        """Draw the boxes with names and scores over the picture."""
        return boxes_image(picture, result, self.manifest.classes, note=note)


TASK = Detection


def _raised(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logits of any shape, none below `LEAST_LOGIT` but infinity, which is no number."""
    return np.where(np.isfinite(logits), np.maximum(logits, LEAST_LOGIT), logits)


def _deviation(pairs: Sequence[_Pair], least: float) -> float:
    """How far the expected numbers of all levels together deviate from their mean, or `least`."""
    together = np.concatenate([expected.reshape(-1) for expected, _ in pairs])
    return max(float(together.std(dtype=np.float64)), least)


def records_of_boxes(boxes: Boxes) -> bytes:
    """Write boxes as `RECORD`s, one after the other."""
    records = np.zeros(len(boxes), RECORD)
    records["corners"], records["score"] = boxes.corners, boxes.scores
    records["label"] = boxes.labels
    return records.tobytes()


def boxes_of_records(data: bytes, *, classes: int) -> Boxes | None:
    """Read whole `RECORD`s; None where one has numbers that no box of so many classes has."""
    records = np.frombuffer(data, RECORD)
    if (
        not np.isfinite(records["corners"]).all()
        or not ((records["score"] >= 0) & (records["score"] <= 1)).all()
        or (records["label"] >= classes).any()
    ):
        return None
    return Boxes(
        corners=records["corners"].astype(np.float32),
        scores=records["score"].astype(np.float32),
        labels=records["label"].astype(np.int32),
    )
