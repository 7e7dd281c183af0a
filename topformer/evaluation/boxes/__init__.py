"""How well boxes are found: COCO's average precision, its curves, and the worst pictures."""

from topformer.evaluation.boxes.average_precision import (
    BoxFinder,
    BoxScores,
    PictureBoxes,
    SplitBoxScores,
    score_boxes,
    score_found,
)

__all__ = [
    "BoxFinder",
    "BoxScores",
    "PictureBoxes",
    "SplitBoxScores",
    "score_boxes",
    "score_found",
]
