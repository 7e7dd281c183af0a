"""Kill a case at each of its operations in turn, check, go on, check, and see that it is swept."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from torture.cases import Case, left_over
from torture.kills import Ended, run_killed


class Torture:
    """A case in a folder of its own."""

    def __init__(self, case: Case, folder: Path, *, old: bool, seed: int | None = None) -> None:
        """With `seed`, what goes on after a kill is killed once more, at a place by chance."""
        self.case, self.old, self.kills = case, old, 0
        self.chance = None if seed is None else random.Random(seed)
        self.folder = folder
        # Of what the system keeps elsewhere, left-overs are looked for too.
        self.root = folder / "root"
        os.environ["TMPDIR"] = str(self.root / "tmp")
        tempfile.tempdir = None

    def _start(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root / "tmp").mkdir(parents=True)
        self.case.start(self.root, old=self.old)

    def _run(self, kill_at: int = -1) -> Ended:
        ended = run_killed(self.case.run, root=self.root, kill_at=kill_at)
        self.kills += ended.killed
        assert ended.killed or ended.exit_status == 0, ended.said
        assert "Traceback" not in ended.said, ended.said
        return ended

    def run_through(self) -> None:
        """Run it once without a kill."""
        self._start()
        self._run()
        self._finished()

    def numbers(self, *, every: int = 1) -> Iterator[int]:
        """Kill it at each operation, or at every so many, and yield the operation's number."""
        self.run_through()
        for number in count(0, every):
            if not self.kill(number):
                return
            yield number

    def kill(self, number: int) -> bool:
        """Kill it at an operation, check, and go on; false where it has no operation so late."""
        self._start()
        if not self._run(number).killed:
            return False
        try:
            self.case.check(self.root, done=False)
            if self.chance is not None and self._run(self.chance.randrange(number + 1)).killed:
                self.case.check(self.root, done=False)
            self._run()
            self._finished()
        except BaseException as error:
            error.add_note(f"{self.case.name}, killed at operation {number}, old: {self.old}")
            raise
        return True

    def _finished(self) -> None:
        self.case.check(self.root, done=True)
        left = left_over(self.root)
        assert not left, left
