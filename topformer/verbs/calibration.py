"""Which pictures a precision is calibrated with and judged on, as verbs are told it."""

from pathlib import Path

from topformer.console.output import warn
from topformer.data import (
    BOX_DATASET_KEYS,
    DATASET_KEYS,
    BoxDataset,
    Dataset,
    open_box_dataset,
    open_dataset,
)
from topformer.errors import UsageError
from topformer.export.calibration import (
    Calibration,
    bundled_calibration,
    dataset_calibration,
    folder_calibration,
)
from topformer.export.scoring import JudgingData

_KEYS = (*DATASET_KEYS, *BOX_DATASET_KEYS)


def choose_calibration(given: str | None, data: Path | None, *, pictures: int) -> Calibration:
    """Take a data set's training pictures, those of a folder, or the bundled ones."""
    if given is None:
        return bundled_calibration()
    if given in _KEYS and data is not None:
        return dataset_calibration(_open(given, data), pictures=pictures, seed=0)
    if Path(given).is_dir():
        return folder_calibration(Path(given), pictures=pictures, seed=0)
    if given in _KEYS:
        raise UsageError(
            f"--calibration {given} needs the data set's folder.", next_step="Pass --data ROOT."
        )
    raise UsageError(
        f"There is no folder {given}.",
        why="Nor is there a data set of that key.",
        next_step=f"Pass a folder of pictures, or one of {', '.join(_KEYS)} with --data.",
    )


def refuse_unused_data(data: Path | None, *, calibration: str | None, dataset: str | None) -> None:
    """Refuse a data set's folder that nothing would be read from."""
    if data is not None and dataset is None and calibration not in _KEYS:
        raise UsageError(
            "--data alone is not used.",
            next_step="Name the data set with --dataset KEY, to score on it, with --calibration "
            "KEY, to calibrate with it, or with both.",
        )


def judging_data(
    key: str | None,
    data: Path | None,
    *,
    max_drop: float | None = None,
    pictures: int | None = None,
) -> JudgingData | None:
    """Open the data set that files are scored on, where one is named."""
    if key is None:
        return None
    if data is None:
        raise UsageError("--dataset needs the data set's folder.", next_step="Pass --data ROOT.")
    return JudgingData(dataset=_open(key, data), max_drop=max_drop, pictures=pictures)


def _open(key: str, root: Path) -> Dataset | BoxDataset:
    return open_box_dataset(key, root) if key in BOX_DATASET_KEYS else open_dataset(key, root)


def warn_of_bundled(calibration: Calibration) -> None:
    """Warn where nobody gave pictures like those that the model is for."""
    if calibration.is_bundled:
        warn(
            "calibrated with the bundled pictures, which are not of what the model is for: "
            "segmenting streets, int8 lost 0.2 points of mIoU so, and below 0.1 with pictures of "
            "streets. Pass some of your own with --calibration DIR."
        )
