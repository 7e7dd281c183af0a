"""Data sets: where their pictures and labels lie, what their ids mean, and how a network sees them.

Labels in memory are uint8 train ids: 0 is the first class, `IGNORED` (255) is counted nowhere.
"""

from topformer.data.datasets import (
    BOX_DATASET_KEYS,
    DATASET_KEYS,
    BoxDataset,
    Dataset,
    WholeImageScale,
    check_key,
    dataset_task,
    open_box_dataset,
    open_dataset,
)
from topformer.data.label_files import IGNORED

__all__ = [
    "BOX_DATASET_KEYS",
    "DATASET_KEYS",
    "IGNORED",
    "BoxDataset",
    "Dataset",
    "WholeImageScale",
    "check_key",
    "dataset_task",
    "open_box_dataset",
    "open_dataset",
]
