"""Whether an exported file is of the network that is asked for."""

from pathlib import Path

from topformer.errors import UsageError
from topformer.manifest import ModelInfo


def check_network(
    path: Path, model: ModelInfo, task: str | None, detection_head: str | None
) -> None:
    """Raise `UsageError` for a file that is not for the task and head that are asked for."""
    for wanted, found in ((task, model.task), (detection_head, model.detection_head)):
        if wanted not in {None, found}:
            raise UsageError(
                f"{path} is not for {wanted}.",
                why=f"It is for {' '.join(filter(None, (model.task, model.detection_head)))}.",
                next_step="Leave --task and --head out: a file says what it is for.",
            )
