"""Histories of nodes that are shared while a network is lowered."""

import copy

import pytest
import torch
from torch import nn
from torch.fx.traceback import NodeSource

from topformer.export.histories import shared_histories
from topformer.export.targets import get_target


def test_they_are_shared_for_a_while_only():
    source = NodeSource(None, "a pass")
    with shared_histories():
        assert copy.deepcopy([source])[0] is source
    assert copy.deepcopy([source])[0] is not source

    with shared_histories():
        with shared_histories():
            assert copy.deepcopy([source])[0] is source
        assert copy.deepcopy([source])[0] is not source

    def fail():
        with shared_histories():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert copy.deepcopy([source])[0] is not source


def test_another_thread_may_end_at_the_same_moment(monkeypatch):
    class EndedTwice(type):
        def __delattr__(cls, name):
            super().__delattr__(name)  # by the other thread, just before
            super().__delattr__(name)

    monkeypatch.setattr("topformer.export.histories.NodeSource", EndedTwice("Source", (), {}))
    with shared_histories():
        pass


@pytest.mark.slow
def test_the_file_is_the_same_to_the_byte(monkeypatch):
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    example = torch.zeros(1, 3, 16, 16)
    shared = get_target("xnnpack").lower(network, example)
    monkeypatch.setattr("topformer.export.histories._itself", copy_as_ever)
    assert get_target("xnnpack").lower(network, example) == shared


def copy_as_ever(source, copied):
    made = NodeSource.__new__(NodeSource)
    copied[id(source)] = made
    vars(made).update(copy.deepcopy(vars(source), copied))
    return made
