"""Checkpoints of a run: whole or absent, checked when read, the last few kept.

    OUT/checkpoints/step-00004000/model.safetensors   the weights one would use
                                  state.pt            all that is needed to go on
                                  checkpoint.json     step, scores, hashes of both

A folder is written under another name and renamed when it is on disk, and renamed again before it
is removed. A folder whose hashes do not fit is passed over for the one before.
"""

import io
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from topformer.documents import (
    Count,
    Document,
    SchemaName,
    Sha256,
    Share,
    ShortText,
    encode_json,
    read_document,
)
from topformer.errors import TopformerError
from topformer.files import (
    make_shareable,
    read_bytes,
    sha256_bytes,
    sha256_file,
    sync,
)
from topformer.temporary import temporary_folder
from topformer.text import first_line
from topformer.weights.disarm import Unreadable
from topformer.weights.safeload import load_pickled

FOLDER = "checkpoints"
# Base with its optimizer's state and averaged weights has about 90 MB, and some 300 MB where a
# detector's published head tells a thousand classes apart.
STATE_LIMIT_BYTES = 2**31
INDEX_LIMIT_BYTES = 2**20


class Best(Document, frozen=True, kw_only=True):
    """The best score on val so far: the mIoU of a segmentation network, the AP of a detector."""

    step: Count
    miou: Share | None = None
    ap: Share | None = None

    @property
    def score(self) -> float:
        """The one that there is; NaN where val gave none."""
        known = [one for one in (self.miou, self.ap) if one is not None]
        return known[0] if known else math.nan

    @property
    def text(self) -> str:
        """Name and value, as in "mIoU 0.6544", or that there is none."""
        if math.isnan(self.score):
            return "no score is defined"
        return f"{'mIoU' if self.ap is None else 'AP'} {self.score:.4f}"


class CheckpointIndex(Document, frozen=True, kw_only=True):
    """What stands in a checkpoint's `checkpoint.json`."""

    schema: SchemaName = "topformer.checkpoint/1.1"
    step: Count
    # Of the recipe's fields that must not change on the way.
    recipe_sha256: Sha256
    # Names of what the run learns to tell apart, by id.
    classes: tuple[ShortText, ...]
    best: Best | None
    # Of the weights; empty before 1.1.
    licence: ShortText = ""
    model_sha256: Sha256
    state_sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A checkpoint that was read back."""

    index: CheckpointIndex
    state: dict[str, Any]
    # Newer checkpoints that were damaged, and what was wrong with each.
    passed_over: tuple[str, ...]


def save_checkpoint(
    out: Path,
    *,
    step: int,
    recipe_sha256: str,
    classes: tuple[str, ...],
    best: Best | None,
    licence: str,
    model: bytes,
    state: bytes,
    keep: int,
) -> Path:
    """Write a checkpoint and remove all but the last `keep` up to it.

    One of a later step is damaged, or the run would have gone on from there: it does not count.
    Raises OSError when it cannot be written.
    """
    index = CheckpointIndex(
        step=step,
        recipe_sha256=recipe_sha256,
        classes=classes,
        best=best,
        licence=licence,
        model_sha256=sha256_bytes(model),
        state_sha256=sha256_bytes(state),
    )
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{step:08d}"
    with temporary_folder(folder) as part:
        for name, data in (
            ("model.safetensors", model),
            ("state.pt", state),
            ("checkpoint.json", encode_json(index)),
        ):
            (part / name).write_bytes(data)
            make_shareable(part / name)
        make_shareable(part)
        if final.exists():
            _remove(final)
        part.rename(final)
        sync(folder)
    folders = _folders(out)
    for old in folders[folders.index(final) + keep :]:
        _remove(old)
    return final


def _remove(checkpoint: Path) -> None:
    """Take a checkpoint away: nobody finds one of which half is gone."""
    with suppress(OSError), temporary_folder(checkpoint.parent) as aside:
        checkpoint.rename(aside / checkpoint.name)


def has_checkpoints(out: Path) -> bool:
    """Whether a folder holds checkpoints, sound or not."""
    return bool(_folders(out))


def restore(out: Path) -> Restored | None:
    """Read the newest sound checkpoint; None where there is none at all.

    Raises `TopformerError` when there are checkpoints and all of them are damaged.
    """
    damaged: list[str] = []
    for folder in _folders(out):
        try:
            index, state = _read(folder)
        except (TopformerError, Unreadable, ValueError, OSError) as error:
            damaged.append(f"{folder.name}: {first_line(error)}")
            continue
        return Restored(index=index, state=state, passed_over=tuple(damaged))
    if damaged:
        raise TopformerError(
            f"None of the checkpoints in {out / FOLDER} can be read.",
            why="; ".join(damaged),
            next_step="Start again in another --out; the disk or a copy may be at fault.",
        )
    return None


def pack_state(state: dict[str, Any]) -> bytes:
    """Serialise tensors and plain values."""
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def _read(folder: Path) -> tuple[CheckpointIndex, dict[str, Any]]:
    path = folder / "checkpoint.json"
    index = read_document(
        path, CheckpointIndex, limit_bytes=INDEX_LIMIT_BYTES, called="checkpoint's index"
    )
    state = read_bytes(folder / "state.pt", limit_bytes=STATE_LIMIT_BYTES, kind="training state")
    if sha256_bytes(state) != index.state_sha256:
        raise TopformerError("state.pt is not the file its index describes.")
    if sha256_file(folder / "model.safetensors") != index.model_sha256:
        raise TopformerError("model.safetensors is not the file its index describes.")
    pickled = load_pickled(state)
    if pickled.foreign or not isinstance(pickled.content, dict):
        raise TopformerError("state.pt holds no training state.")
    return index, cast("dict[str, Any]", pickled.content)


def _folders(out: Path) -> list[Path]:
    """Finished checkpoints, newest first."""
    folder = out / FOLDER
    if not folder.is_dir():
        return []
    names = [path for path in folder.iterdir() if re.fullmatch(r"step-\d{8,}", path.name)]
    return sorted(names, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)
