"""One model scored on a split, and a person told how far it is."""

from topformer.console.progress import ProgressDisplay
from topformer.data import Dataset
from topformer.data.layouts import FoundPairs
from topformer.evaluation.scored_model import ScoredModel
from topformer.evaluation.scoring import score_split
from topformer.verbs.eval.report import Evaluation


def score(
    model: str,
    scored_model: ScoredModel,
    found: FoundPairs,
    *,
    dataset: Dataset,
    split: str,
    show_progress: ProgressDisplay,
    what: str,
) -> Evaluation:
    """Score an opened model on what was found of a split; progress is that of scoring `what`."""
    with show_progress.counting(f"scoring {what}", len(found.pairs)) as tell:
        scored = score_split(
            scored_model.segment, found, dataset.classes, progress=lambda done, _total: tell(done)
        )
    return Evaluation(
        model=model, scored_model=scored_model, dataset=dataset, split=split, scored=scored
    )
