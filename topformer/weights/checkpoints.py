"""Reading checkpoints, ours and other people's, into one typed form.

Three formats are told apart by content, never by suffix: `torch.save` files (the official mmseg
segmentation checkpoints, timm's classification checkpoints, or a bare state_dict) and safetensors.
Whatever is wrong with a file becomes one `TopformerError`, raised before memory is spent on it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from topformer.classes import named_classes
from topformer.errors import TopformerError
from topformer.files import read_bytes, sha256_bytes
from topformer.manifest import Classes, Document, ModelInfo, ShortText
from topformer.text import brief
from topformer.weights.safeload import Unreadable, is_pickled, load_pickled

# The largest published file, with its optimizer's state, has about 60 MB.
FILE_LIMIT_BYTES = 256 * 2**20
_HEADER_LIMIT_BYTES = 4 * 2**20
_TENSOR_LIMIT = 10_000
_NAME_LIMIT = 300

# Averaged weights first: they are the ones whose accuracy is published.
_WEIGHT_KEYS = ("state_dict_ema", "state_dict", "model")
COUNTER = "num_batches_tracked"
HEADER_KEY = "topformer"


class WeightsHeader(Document, frozen=True, kw_only=True):
    """What our own safetensors files say of themselves, as JSON in their metadata."""

    schema: Literal["topformer.weights/1"] = "topformer.weights/1"
    model: ModelInfo
    classes: Classes
    name: ShortText
    licence: ShortText
    source: ShortText
    random_seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Tensors by their official names, and what the file says about them."""

    path: Path
    sha256: str
    # float32, finite, on the CPU, without a `module.` prefix; BatchNorm's counters are int64.
    tensors: dict[str, Tensor]
    # From an mmseg checkpoint's meta or from our header.
    classes: Classes | None
    # Only in files of our own.
    header: WeightsHeader | None

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """Shapes of the tensors, by name."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of any supported format; raises `TopformerError` when it is unsound.

    Memory stays within about four times the file's size, which is limited to 256 MiB.
    """
    data = read_bytes(path, limit_bytes=FILE_LIMIT_BYTES, kind="checkpoint")
    try:
        if is_pickled(data):
            return _from_pickled(path, data)
        if data[8:9] == b"{":
            return _from_safetensors(path, data)
        raise Unreadable(_describe_unknown(data))
    except (Unreadable, TopformerError) as error:
        raise TopformerError(
            f"{path} cannot be used as a checkpoint.",
            why=error.why or str(error),
            next_step=error.next_step,
        ) from error


def _describe_unknown(data: bytes) -> str:
    if not data:
        return "It is empty."
    if data.lstrip()[:1] == b"<":
        return "It is a web page, as a download site sends it in place of a file."
    if data[:1] == b"\x80":
        return "It is a Python pickle that torch.save did not write, and pickles can run code."
    return "It is neither a torch.save file (.pth) nor safetensors."


def _from_pickled(path: Path, data: bytes) -> Checkpoint:
    content = load_pickled(data)
    if not isinstance(content, dict):
        raise Unreadable(f"It holds a {type(content).__name__}, not a dictionary of tensors.")
    content = cast("dict[Any, Any]", content)
    return Checkpoint(
        path=path,
        sha256=sha256_bytes(data),
        tensors=_sound_tensors(_weights_of(content), file_bytes=len(data)),
        classes=_classes_of(content.get("meta")),
        header=None,
    )


def _weights_of(content: dict[Any, Any]) -> dict[Any, Any]:
    for key in _WEIGHT_KEYS:
        weights = content.get(key)
        if isinstance(weights, dict) and weights:
            return cast("dict[Any, Any]", weights)
    return content


def _from_safetensors(path: Path, data: bytes) -> Checkpoint:
    header_bytes = int.from_bytes(data[:8], "little")
    if header_bytes > min(_HEADER_LIMIT_BYTES, len(data) - 8):
        raise Unreadable(f"Its safetensors header claims {header_bytes:,} bytes.")
    try:
        tensors = safetensors.torch.load(data)
        # The library returns no metadata for bytes in memory; it has checked this JSON above.
        declared = msgspec.json.decode(data[8 : 8 + header_bytes], type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(declared.get("__metadata__", b"{}"), type=dict[str, str])
        header = metadata.get(HEADER_KEY)
        own = None if header is None else msgspec.json.decode(header, type=WeightsHeader)
    except (safetensors.SafetensorError, msgspec.MsgspecError, ValueError, KeyError) as error:
        raise Unreadable(f"Its safetensors header is damaged: {brief(str(error))}.") from error
    return Checkpoint(
        path=path,
        sha256=sha256_bytes(data),
        tensors=_sound_tensors(tensors, file_bytes=len(data)),
        classes=own.classes if own else None,
        header=own,
    )


def _classes_of(meta: object) -> Classes | None:
    """Class names and palette from mmseg's meta, where it has them."""
    if not isinstance(meta, dict):
        return None
    meta = cast("dict[object, object]", meta)
    names = meta.get("CLASSES")
    if names is None:
        return None
    if not isinstance(names, list | tuple):
        raise Unreadable("Its meta has CLASSES that are no list of names.")
    return named_classes(cast("list[object]", names), meta.get("PALETTE"))


def _sound_tensors(weights: Mapping[Any, object], *, file_bytes: int) -> dict[str, Tensor]:
    """Check every entry, first what they claim, then what they hold; convert to float32."""
    if len(weights) > _TENSOR_LIMIT:
        raise Unreadable(f"It has {len(weights):,} entries.")
    claimed: dict[str, Tensor] = {}
    for name, value in weights.items():
        if not isinstance(name, str) or len(name) > _NAME_LIMIT:
            raise Unreadable(f"An entry's name is {brief(repr(name))}.")
        claimed[name] = _numeric(name, value)
    if not claimed:
        raise Unreadable("It holds no tensors.")
    claimed_bytes = sum(tensor.numel() * tensor.element_size() for tensor in claimed.values())
    storages = {
        storage.data_ptr(): storage.nbytes()
        for storage in (tensor.untyped_storage() for tensor in claimed.values())
    }
    if max(claimed_bytes, sum(storages.values())) > file_bytes:
        raise Unreadable(f"Its tensors claim more than the file's {file_bytes:,} bytes.")
    # torch's data-parallel wrappers put this before every name.
    wrapped = all(name.startswith("module.") for name in claimed)
    return {
        name.removeprefix("module.") if wrapped else name: _finite_float32(name, tensor)
        for name, tensor in claimed.items()
    }


def _numeric(name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise Unreadable(f"The entry {brief(name)!r} is a {type(value).__name__}, no tensor.")
    if value.is_floating_point() and value.element_size() >= 2:
        return value.detach()
    if name.endswith(COUNTER) and value.dtype is torch.int64 and value.numel() == 1:
        return value.detach()
    raise Unreadable(
        f"The tensor {brief(name)!r} holds {value.dtype} numbers; weights are floats.",
        next_step="Give the weights as they were trained: float32, float16, bfloat16 or float64.",
    )


def _finite_float32(name: str, tensor: Tensor) -> Tensor:
    if name.endswith(COUNTER):
        return tensor.reshape(())
    numbers = tensor.to(torch.float32)
    if not math.isfinite(numbers.sum(dtype=torch.float64).item()):
        raise Unreadable(
            f"The tensor {brief(name)!r} holds NaN or infinity.",
            next_step="The training diverged or the file is damaged; use an earlier checkpoint.",
        )
    if name.endswith("running_var") and bool((numbers < 0).any()):
        raise Unreadable(f"The variances {brief(name)!r} are partly negative.")
    return numbers
