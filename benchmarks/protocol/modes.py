"""How samples are taken: modes, and the order of the rows in each round."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from topformer.errors import UsageError

# The fewest samples whose median shrugs off one interruption.
MINIMUM_SAMPLES_PER_BLOCK = 3


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A trade of time for certainty.

    Each round measures one block of every row in a fresh random order. Many short blocks serve
    comparisons better than a few long ones: the pairs lie closer in time and there are more of
    them.
    """

    name: str
    rounds: int
    samples_per_block: int
    # Untimed runs after loading, and at the head of each block, where the caches still hold what
    # the row before left there.
    warmups: int
    warmups_per_block: int
    # Slow networks get fewer samples a block so that measuring takes about this long.
    budget_s: float
    # Rounds go on until this much time has passed: heat needs it to show.
    minimum_s: float = 0.0

    def samples_within_budget(self, pass_s: float) -> int:
        """Samples a block, when one run of every row takes `pass_s` seconds together."""
        runs_per_block = int(self.budget_s / (self.rounds * pass_s))
        affordable = runs_per_block - self.warmups_per_block
        return max(MINIMUM_SAMPLES_PER_BLOCK, min(self.samples_per_block, affordable))


# Only "standard" carries the promises of the simulation in protocol/test_statistics.py.
# "quick" claims as little by mistake, but overlooks one slow-down of 5 % in eight.
MODES = {
    mode.name: mode
    for mode in (
        Mode(
            name="quick",
            rounds=12,
            samples_per_block=4,
            warmups=3,
            warmups_per_block=1,
            budget_s=20.0,
        ),
        Mode(
            name="standard",
            rounds=40,
            samples_per_block=8,
            warmups=5,
            warmups_per_block=1,
            budget_s=120.0,
        ),
        Mode(
            name="sustained",
            rounds=40,
            # A device cools while it is asked for its state between blocks, for 0.2 s or so.
            samples_per_block=64,
            warmups=5,
            warmups_per_block=1,
            budget_s=600.0,
            minimum_s=600.0,
        ),
    )
}

# For emulated devices, whatever mode is asked for: counts do not vary, and many samples would tell
# no more than the three that show it.
COUNTING = Mode(
    name="counting",
    rounds=1,
    samples_per_block=3,
    warmups=1,
    warmups_per_block=0,
    budget_s=3600.0,
)


def get_mode(name: str) -> Mode:
    """Look a mode up by name; raises `UsageError` for an unknown one."""
    try:
        return MODES[name]
    except KeyError:
        raise UsageError(
            f"There is no bench mode called {name!r}.",
            next_step=f"Choose one of {', '.join(MODES)}.",
        ) from None


def round_orders(rows: int, *, seed: int) -> Iterator[tuple[int, ...]]:
    """Yield the order of the rows in each round, without end: seeded permutations of `rows`."""
    shuffler = random.Random(seed)  # noqa: S311 - an order, not a secret
    while True:
        order = list(range(rows))
        shuffler.shuffle(order)
        yield tuple(order)
