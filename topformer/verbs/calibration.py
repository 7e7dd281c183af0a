"""Which pictures a precision is calibrated with, as verbs are told it."""

from pathlib import Path

from topformer.console.output import warn
from topformer.data import DATASET_KEYS, open_dataset
from topformer.errors import UsageError
from topformer.export.calibration import (
    Calibration,
    bundled_calibration,
    dataset_calibration,
    folder_calibration,
)


def choose_calibration(given: str | None, data: Path | None, *, pictures: int) -> Calibration:
    """Take a data set's training pictures, those of a folder, or the bundled ones."""
    if given is None:
        return bundled_calibration()
    if given in DATASET_KEYS and data is not None:
        return dataset_calibration(open_dataset(given, data), pictures=pictures, seed=0)
    if Path(given).is_dir():
        return folder_calibration(Path(given), pictures=pictures, seed=0)
    if given in DATASET_KEYS:
        raise UsageError(
            f"--calibration {given} needs the data set's folder.", next_step="Pass --data ROOT."
        )
    raise UsageError(
        f"There is no folder {given}.",
        why="Nor is there a data set of that key.",
        next_step=f"Pass a folder of pictures, or one of {', '.join(DATASET_KEYS)} with --data.",
    )


def warn_of_bundled(calibration: Calibration) -> None:
    """Warn where nobody gave pictures like those that the model is for."""
    if calibration.is_bundled:
        warn(
            "calibrated with the bundled pictures, which are not of what the model is for: on "
            "street scenes int8 lost 0.2 points of mIoU so, and below 0.1 with pictures of "
            "streets. Pass some of your own with --calibration DIR."
        )
