"""CamVid divided by drives: one is kept apart as val, and all others are to train on.

    python -m topformer.benchmarks.studies.drives CAMVID OUT DRIVE

CamVid's own val is of a drive that is in train as well. A picture's name begins with its drive:
`0001TP`, `0006R0` or `0016E5`. OUT becomes a CamVid for `topformer train --dataset camvid`.
"""

import sys
from pathlib import Path

from topformer.benchmarks.studies.streets import copy_pair
from topformer.data import open_dataset
from topformer.errors import TopformerError, UsageError


def divide(camvid: Path, out: Path, drive: str) -> tuple[int, int]:
    """Write the set and return how many pictures train and val have. Raises `TopformerError`."""
    if out.exists():
        raise UsageError(f"{out} exists.", next_step="Name a folder that does not.")
    dataset = open_dataset("camvid", camvid)
    pairs = [pair for split in ("train", "val") for pair in dataset.split(split).pairs]
    apart = [pair for pair in pairs if pair.picture.name.startswith(f"{drive}_")]
    if not 0 < len(apart) < len(pairs):
        found = ", ".join(sorted({pair.picture.name.partition("_")[0] for pair in pairs}))
        raise UsageError(
            f"{drive} would leave train or val empty.", next_step=f"The drives are {found}."
        )
    for pair in pairs:
        copy_pair(pair, out, "val" if pair in apart else "train", pair.picture.stem)
    return len(pairs) - len(apart), len(apart)


def main() -> int:
    """Write the set; return the exit status."""
    if len(sys.argv) != 4:
        sys.stderr.write(f"{__doc__}")
        return 2
    camvid, out, drive = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    try:
        train, val = divide(camvid, out, drive)
    except TopformerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write(f"{train} pictures to train on, {val} of {drive} apart\n")
    sys.stdout.write(f"{out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
