"""Data sets: where their pictures and labels lie, what their ids mean, and how a network sees them.

Labels in memory are uint8 train ids: 0 is the first class, `IGNORED` (255) is counted nowhere.
"""

from topformer.data.datasets import DATASET_KEYS, Dataset, WholeImageScale, open_dataset
from topformer.data.label_files import IGNORED

__all__ = ["DATASET_KEYS", "IGNORED", "Dataset", "WholeImageScale", "open_dataset"]
