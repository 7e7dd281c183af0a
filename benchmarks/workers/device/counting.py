"""Instructions that an emulator counted while the runner ran, in place of time.

The emulated device offers a program, `count-instructions LOG PROGRAM...`, which runs a program and
writes into LOG how many instructions had been executed at each mark that the program gave.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from topformer.benchmarks.documents.rows import InstructionTriple
from topformer.errors import TopformerError

COUNTER = "count-instructions"
LOG_LIMIT_BYTES = 2**20
# What the runner marks in each run: started, preprocessed, executed, postprocessed.
_STAGES = (0, 1, 2, 3)
_HEADER = re.compile(r"topformer-instructions/1 cpu=([\w.-]{1,60})", re.ASCII)
_MARK = re.compile(r"([0-3]) (\d{1,15})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class InstructionLog:
    """What was counted while one program ran."""

    # The one emulated, as in "cortex-a76".
    cpu: str
    # Preprocess, execute and postprocess of every run, in the order they were made.
    runs: tuple[InstructionTriple, ...]


def parse_log(data: bytes) -> InstructionLog:
    """Read the log of the emulator; raises `TopformerError` for anything but whole runs."""
    first, *lines = data.decode(errors="replace").splitlines() or [""]
    header = _HEADER.fullmatch(first)
    if header is None:
        raise _refuse("It does not start with the header that was expected.")
    marks: list[tuple[int, int]] = []
    for line in lines:
        found = _MARK.fullmatch(line)
        if found is None:
            raise _refuse("One of its lines is no mark.")
        marks.append((int(found[1]), int(found[2])))
    return InstructionLog(cpu=header[1], runs=tuple(_runs(marks)))


def _runs(marks: list[tuple[int, int]]) -> list[InstructionTriple]:
    runs: list[InstructionTriple] = []
    for start in range(0, len(marks), len(_STAGES)):
        stages, counts = zip(*marks[start : start + len(_STAGES)], strict=True)
        if stages != _STAGES:
            raise _refuse("Its marks do not make whole runs.")
        preprocess, execute, postprocess = (after - before for before, after in pairwise(counts))
        if min(preprocess, execute, postprocess) < 1:
            raise _refuse("Its counts do not grow.")
        runs.append((preprocess, execute, postprocess))
    return runs


def _refuse(why: str) -> TopformerError:
    return TopformerError("The emulator's count of instructions cannot be used.", why=why)
