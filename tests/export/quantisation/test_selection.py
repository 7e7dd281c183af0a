"""Mixed precision: as few layers in float32 as the budget asks for."""

import pytest
import torch

from topformer.export.budget import Budget
from topformer.export.quantisation.quantiser import observe
from topformer.export.quantisation.selection import within_budget
from topformer.export.quantisation.sensitivity import rank_layers
from topformer.export.quantisation.simulation import Simulation

pytestmark = pytest.mark.slow


def select(network, pictures, task, drops):
    """Let the forms that are tried lose these points, one after the other."""
    told = []
    left = iter(drops)
    made, kept = within_budget(
        network,
        pictures,
        budget=Budget(max_drop=0.1, metric="mIoU", task=task, drop_of=lambda _network: next(left)),
        on_progress=told.append,
    )
    integers = [value for value in made.state_dict().values() if value.dtype == torch.int8]
    return len(integers), kept, told


def test_nothing_is_kept_within_the_budget(network, pictures, task):
    assert select(network, pictures, task, [0.1])[:2] == (3, ())


def test_the_layers_that_cost_most_are_kept_until_it_is_met(network, pictures, task):
    ranked = rank_layers(Simulation(observe(network, pictures)), pictures, task)
    integers, kept, told = select(network, pictures, task, [0.5, 0.3, 0.05])
    assert (integers, kept) == (1, tuple(ranked[:2]))
    assert told[-1] == "2 layers in float32: 0.05 points of mIoU lost"


def test_a_budget_that_is_never_met_gives_the_best_form(network, pictures, task):
    integers, kept, _ = select(network, pictures, task, [0.5, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert (integers, len(kept)) == (2, 1)
