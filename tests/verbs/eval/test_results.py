"""What evaluations of all tasks have in common."""

import pytest

from topformer.data import WholeImageScale
from topformer.errors import UsageError
from topformer.evaluation.protocols import whole_protocol, whole_sizes
from topformer.verbs.eval.results import scale_at

ADE20K = WholeImageScale(long_px=2048, short_px=512)
CAMVID = WholeImageScale(long_px=2048, short_px=720)
CITYSCAPES = WholeImageScale(long_px=1024, short_px=512)
CONTEXT = WholeImageScale(long_px=520, short_px=520)


def test_a_short_side_is_reached_where_the_data_sets_own_long_side_would_stop_it():
    scale = scale_at(1024, CITYSCAPES)
    assert whole_sizes((1024, 2048), scale)[-1] == (1024, 2048)
    assert whole_protocol(scale).description == "whole: short side 1024, long side at most 2048"


def test_a_shorter_side_leaves_the_long_one_as_published():
    # hustvl/TopFormer at cc0f436, topformer_tiny_448x448_160k_2x8_ade20k.py: img_scale=(2048, 448).
    assert scale_at(448, ADE20K) == WholeImageScale(long_px=2048, short_px=448)


@pytest.mark.parametrize("scale", [CAMVID, CITYSCAPES])
def test_a_data_sets_own_short_side_changes_nothing(scale):
    assert scale_at(scale.short_px, scale) == scale_at(None, scale) == scale


def test_a_short_side_is_refused_where_only_the_long_side_counts():
    assert scale_at(None, CONTEXT) == CONTEXT
    with pytest.raises(UsageError, match="--short-side is for data sets"):
        scale_at(448, CONTEXT)
