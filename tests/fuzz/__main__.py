"""`make fuzz`: give every reader hostile inputs, and say what came of them.

    make fuzz                        minutes
    make fuzz FUZZ_COUNT=1000000     a night
    make fuzz FUZZ="--reader checkpoint --first 123 --count 1"    one input again

Inputs are good ones (`seeds`) changed by what they are made of (`mutations`), the same ones for the
same seed. A reader (`readers`) must return a value that can be used or raise `TopformerError`,
within bounded time and memory. An input that fails is written to build/fuzz. Put it into
`found/` under READER.NAME when it is mended: from then on it is a test.
"""

import argparse
import signal
import sys
from pathlib import Path

import torch

from fuzz.loop import Outcome, make_input, shares, try_reader
from fuzz.readers import READERS

OUT = Path("build", "fuzz")


def main() -> int:
    """Return 1 where an input failed."""
    options = _options()
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    outcomes: list[Outcome] = []
    _say(f"{'reader':<18}{'inputs':>10}{'accepted':>10}{'a second':>10}{'peak MB':>9}")
    for name, count in shares(options.count, options.reader).items():
        outcome = try_reader(READERS[name], seed=options.seed, first=options.first, count=count)
        outcomes.append(outcome)
        _tell(outcome, options.seed)
    inputs = sum(one.inputs for one in outcomes)
    seconds = sum(one.seconds for one in outcomes)
    peak = max(one.peak_memory_bytes for one in outcomes)
    failures = sum(len(one.failures) for one in outcomes)
    _say(
        f"{inputs:,} inputs, seed {options.seed}, {inputs / seconds:,.0f} a second, "
        f"peak {peak / 2**20:,.0f} MB: {failures or 'no'} failures"
    )
    return 1 if failures else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--count", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--reader", action="append", choices=list(READERS))
    return parser.parse_args()


def _tell(outcome: Outcome, seed: int) -> None:
    rate = outcome.inputs / max(outcome.seconds, 1e-9)
    _say(
        f"{outcome.reader:<18}{outcome.inputs:>10,}{outcome.accepted:>10,}{rate:>10,.0f}"
        f"{outcome.peak_memory_bytes / 2**20:>9,.0f}"
    )
    for failure in outcome.failures.values():
        path = OUT / f"{outcome.reader.replace(' ', '-')}.{seed}-{failure.number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_input(READERS[outcome.reader], seed, failure.number))
        again = f'--reader "{outcome.reader}" --seed {seed} --first {failure.number} --count 1'
        _say(f"  FAILED: {failure.what}\n  in {path}; again with: make fuzz FUZZ='{again}'")


if __name__ == "__main__":
    sys.exit(main())
