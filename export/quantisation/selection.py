"""Mixed precision: keep the layers in float32 that cost most, as few as a budget asks for."""

from collections.abc import Callable, Sequence

from torch import Tensor, fx, nn

from topformer.export.budget import Budget
from topformer.export.quantisation.biases import correct_biases
from topformer.export.quantisation.quantiser import observe, quantise
from topformer.export.quantisation.sensitivity import rank_layers
from topformer.export.quantisation.simulation import Simulation

# Layers kept in turn; a network with more of them in float is hardly an int8 one.
_TRIES = (0, 1, 2, 4, 8, 16)
# Pictures on which layers are ranked: one forward pass each for every layer.
_RANKING_PICTURES = 3


def within_budget(
    network: nn.Module,
    pictures: Sequence[Tensor],
    *,
    foreign: bool = False,
    budget: Budget,
    on_progress: Callable[[str], None],
) -> tuple[fx.GraphModule, tuple[str, ...]]:
    """Quantise a network so that it loses no more of its score than a budget allows.

    `pictures` and `foreign` are as in `observe`. Returns it with the layers that stay in float32,
    by module path. Where no number of layers is enough, it is the form that loses least; its file's
    proof says by how much too much.
    """
    whole = observe(network, pictures, foreign=foreign)
    simulation = Simulation(whole)  # a copy, before biases are corrected
    ranked: list[str] = []
    best: tuple[float, fx.GraphModule, tuple[str, ...]] | None = None
    for count in _TRIES:
        if count and not ranked:
            on_progress("ranking layers by what they cost")
            ranked = rank_layers(simulation, pictures[:_RANKING_PICTURES], budget.task)
        kept = tuple(ranked[:count])
        observed = observe(network, pictures, keep=kept, foreign=foreign) if kept else whole
        if not foreign:
            correct_biases(observed, pictures)
        quantised = quantise(observed)
        drop = budget.drop_of(quantised)
        on_progress(f"{count} layers in float32: {drop:.2f} points of {budget.metric} lost")
        if best is None or drop < best[0]:
            best = drop, quantised, kept
        if drop <= budget.max_drop:
            break
    assert best is not None
    return best[1], best[2]
