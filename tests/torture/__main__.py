"""`make torture`: kill export, app embed, train and predict at every file operation, 500 times."""

import argparse
import gc
import os
import sys
import tempfile
from contextlib import chdir, suppress
from itertools import count, product
from pathlib import Path

import torch

from support.command import redirected
from torture.cases import Case, all_cases
from torture.rounds import Torture


def warm_up(case: Case) -> None:
    """Run a case in this process, so that what is made once is not made anew in each fork."""
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("wb") as nowhere:
        case.start(Path(folder), old=False)
        with chdir(folder), redirected(1, nowhere), redirected(2, nowhere):
            with suppress(SystemExit):
                case.run()
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="at least so many")
    least = parser.parse_args().kills
    torch.set_num_threads(1)  # a fork has none of its parent's threads
    cases = [make() for make in all_cases(b"a model")]
    for case in cases:
        warm_up(case)
    gc.freeze()  # else a fork's collections copy all of its memory
    kills = 0
    # Once at each operation; then again, with a second kill of what goes on after the first.
    for seed in count(-1):
        for case, old in product(cases, (False, True)):
            if seed >= 0 and kills >= least:
                sys.stdout.write(f"{kills} kills, nothing torn\n")
                return
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                torture = Torture(case, Path(folder), old=old, seed=None if seed < 0 else seed)
                operations = len(list(torture.numbers()))
            tempfile.tempdir = None
            kills += torture.kills
            told = f"{case.name}, {'over an old one' if old else 'new'}"
            sys.stdout.write(f"{told}: {torture.kills} kills at {operations} file operations\n")
            sys.stdout.flush()


main()
