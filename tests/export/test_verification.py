"""What `verify` says of a manifest that describes another network than its weights."""

from pathlib import Path

import msgspec
import pytest

from support.manifest_edits import DETECTOR
from topformer.errors import TopformerError
from topformer.export.verification import _refuse_other_description
from topformer.manifest import AnchorLevel

OTHER_ANCHOR = AnchorLevel(stride=36, anchors=((-32, -32, 32, 48),))


@pytest.mark.parametrize(
    ("part", "changes", "why"),
    [
        (
            "input",
            {"std": (1.0, 2.0, 3.0)},
            f"input.std[0] is 1.0 there; by these weights it is {DETECTOR.input.std[0]}.",
        ),
        (
            "detection",
            {"nms_iou": 0.75, "most_boxes": 7},
            "detection.nms_iou is 0.75 there; by these weights it is 0.5.",
        ),
        (
            "detection",
            {"levels": (DETECTOR.detection.levels[0], OTHER_ANCHOR)},
            "detection.levels[1].anchors[0][3] is 48 there; by these weights it is 32.",
        ),
        (
            "detection",
            {"levels": DETECTOR.detection.levels[:1]},
            "the length of detection.levels is 1 there; by these weights it is 2.",
        ),
    ],
)
def test_the_first_field_that_differs_is_named_with_both_values(part, changes, why):
    changed = msgspec.structs.replace(getattr(DETECTOR, part), **changes)
    manifest = msgspec.structs.replace(DETECTOR, **{part: changed})
    with pytest.raises(TopformerError, match=f"other things of its {part}") as raised:
        _refuse_other_description(manifest, DETECTOR, Path("a.pte"))
    assert raised.value.why == why


def test_what_is_missing_on_one_side_is_cut_to_a_sentence():
    manifest = msgspec.structs.replace(DETECTOR, detection=None)
    with pytest.raises(TopformerError) as raised:
        _refuse_other_description(manifest, DETECTOR, Path("a.pte"))
    assert raised.value.why.startswith("detection is None there; by these weights it is Detection")
    assert len(raised.value.why) < 300
