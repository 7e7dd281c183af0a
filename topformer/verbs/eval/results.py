"""What evaluations of all tasks have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from topformer.console.output import warn
from topformer.console.progress import ProgressDisplay
from topformer.console.weights import announce_random, tell_notes, weights_as
from topformer.data import WholeImageScale
from topformer.errors import UsageError
from topformer.evaluation.protocols import ScoringProtocol
from topformer.files import ensure_writable_folder, fitting_name, without_query
from topformer.manifest import Classes
from topformer.runtimes import OpenedModel
from topformer.verbs.eval.report import names_warning


class Scored(Protocol):
    """A model that is ready to be scored, whatever its task."""

    @property
    def opened(self) -> OpenedModel:
        """With what is known of it."""
        ...

    @property
    def protocol(self) -> ScoringProtocol:
        """How pictures are shown to it."""
        ...


ScoredT = TypeVar("ScoredT", bound=Scored)


def scale_at(short_side: int | None, scale: WholeImageScale) -> WholeImageScale:
    """Return a data set's scale, at another short side if one is given.

    What the long side may have grows with it, or it would stop pictures before they reach the short
    side. It shrinks with none: ADE20K's is 2048 as published for 512 and for 448. Raises
    `UsageError` where only the long side counts.
    """
    if short_side is None:
        return scale
    if scale.long_px <= scale.short_px:
        raise UsageError(
            "--short-side is for data sets whose pictures are scaled by their short side.",
            why=f"Those of this one are scaled until their long side is {scale.long_px}.",
            next_step="Leave --short-side out.",
        )
    long_px = max(scale.long_px, scale.long_px * short_side // scale.short_px)
    return replace(scale, long_px=long_px, short_px=short_side)


def open_all(
    folders: Mapping[str, Path],
    open_one: Callable[[str], ScoredT],
    *,
    short_side: int | None,
    show_progress: ProgressDisplay,
) -> dict[str, ScoredT]:
    """Open all models, and try all their folders, before the first hour of scoring.

    Raises `UsageError` for a short side where a model sees no whole pictures.
    """
    models: dict[str, ScoredT] = {}
    for model in folders:
        show_progress(f"opening {model}")
        with weights_as("--model "):
            models[model] = open_one(model)
        _check_short_side(short_side, models[model].protocol)
    for folder in folders.values():
        ensure_writable_folder(folder)
    return models


def tell_models(models: Mapping[str, Scored], truth: Classes) -> None:
    """Say what is to be known of the models beside their scores; each thing once."""
    manifests = {name: one.opened.manifest for name, one in models.items()}
    for one in models.values():
        tell_notes(one.opened.notes)
    weights = [manifest.weights for manifest in manifests.values()]
    announce_random(next((one for one in weights if one.is_random), weights[0]))
    for name, manifest in manifests.items():
        warning = names_warning(manifest.classes, truth)
        if warning:
            warn(warning if len(models) == 1 else f"{name}: {warning}")


def result_folders(out: Path, models: Sequence[str]) -> dict[str, Path]:
    """Say where the pictures of each model go: a lone one's to `out`, others' to a folder each."""
    chosen = list(dict.fromkeys(models))
    if len(chosen) == 1:
        return {chosen[0]: out}
    folders: dict[str, Path] = {}
    taken: set[str] = set()
    for model in chosen:
        last, number = Path(without_query(model)).name, 1
        name = fitting_name(last, "")
        # Names that differ in case only are one name on some systems.
        while name.casefold() in taken:
            number += 1
            name = fitting_name(last, f"-{number}")
        taken.add(name.casefold())
        folders[model] = out / name
    return folders


def _check_short_side(short_side: int | None, protocol: ScoringProtocol) -> None:
    """Refuse a short side where a model sees no whole pictures."""
    if short_side is not None and protocol.name != "whole":
        raise UsageError(
            "--short-side is for whole pictures, and this model is scored at a fixed size.",
            next_step="Leave --short-side out.",
        )
