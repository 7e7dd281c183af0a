import numpy as np
import torch
from torch.nn import functional

from topformer.benchmarks.studies.upsampling import compare, inputs, random_tiny


def test_both_ways_agree_on_smooth_logits():
    coarse = torch.randn(1, 40, 4, 4, generator=torch.Generator().manual_seed(0))
    logits = functional.interpolate(coarse, size=(16, 16), mode="bicubic").numpy()
    result = compare(logits, (128, 128), rounds=3)
    assert result.differing_labels == 0
    assert result.ours_ms > 0
    assert len(result.speedup.ratios) == 3


def test_differences_are_counted(monkeypatch):
    from topformer.benchmarks.studies import upsampling as labels

    monkeypatch.setattr(labels, "upsample_labels", lambda logits, size: np.full((1, *size), -1))
    assert compare(torch.zeros(1, 2, 2, 2).numpy(), (8, 8), rounds=1).differing_labels == 64


def test_inputs_are_the_pictures_and_noise():
    named = dict(inputs(random_tiny((64, 64))))
    assert list(named) == ["china", "astronaut", "coffee", "chelsea", "white noise"]
    assert {logits.shape for logits in named.values()} == {(1, 150, 8, 8)}
