"""What evaluations of all tasks have in common."""

from collections.abc import Sequence
from pathlib import Path

from topformer.errors import UsageError
from topformer.evaluation.protocols import ScoringProtocol
from topformer.files import fitting_name


def result_folders(out: Path, models: Sequence[str]) -> dict[str, Path]:
    """Say where the pictures of each model go: a lone one's to `out`, others' to a folder each."""
    chosen = list(dict.fromkeys(models))
    if len(chosen) == 1:
        return {chosen[0]: out}
    folders: dict[str, Path] = {}
    taken: set[str] = set()
    for model in chosen:
        name, number = fitting_name(Path(model).name, ""), 1
        # Names that differ in case only are one name on some systems.
        while name.casefold() in taken:
            number += 1
            name = fitting_name(Path(model).name, f"-{number}")
        taken.add(name.casefold())
        folders[model] = out / name
    return folders


def check_short_side(short_side: int | None, protocol: ScoringProtocol) -> None:
    """Refuse a short side where a model sees no whole pictures."""
    if short_side is not None and protocol.name != "whole":
        raise UsageError(
            "--short-side is for whole pictures, and this model is scored at a fixed size.",
            next_step="Leave --short-side out.",
        )
