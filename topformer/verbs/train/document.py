"""What `train --json` prints."""

from topformer.documents import Count, Document, SchemaName, ShortText
from topformer.training.checkpoints import Best
from topformer.training.recipe import Recipe


class TrainDocument(Document, frozen=True, kw_only=True):
    """A finished run."""

    schema: SchemaName = "topformer.train/1"
    dataset: ShortText
    size: ShortText
    recipe: Recipe
    # What the weights were before the first step.
    init: ShortText
    licence: ShortText
    processes: Count
    steps: Count
    resumed_from: Count | None
    # How val was scored, as `eval` names it.
    protocol: ShortText
    # On val; null where no score was taken.
    best: Best | None
    # Weights of the best score and of the last step, and what else was written.
    best_weights: str | None
    last_weights: str
    files: tuple[str, ...]
