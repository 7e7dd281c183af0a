"""Reading checkpoints, ours and other people's, into one typed form.

Formats are told apart by content, never by suffix: `torch.save` files and safetensors, with the
weights wrapped in whatever way (see `unwrapping`).
Whatever is wrong with a file becomes one `TopformerError`, raised before memory is spent on it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from topformer.documents import (
    Document,
    Positive,
    SchemaName,
    Seed,
    ShortText,
    decode_document,
)
from topformer.errors import TopformerError
from topformer.files import read_bytes, sha256_bytes
from topformer.manifest import Classes, ModelInfo
from topformer.text import brief
from topformer.variants import MAXIMUM_SIDE_PX, MINIMUM_SIDE_PX
from topformer.weights.class_names import classes_in
from topformer.weights.dictionaries import NAME_LIMIT
from topformer.weights.disarm import Unreadable
from topformer.weights.file_kinds import describe_folder, describe_unknown
from topformer.weights.inert import StandIn
from topformer.weights.safeload import is_pickled, load_pickled
from topformer.weights.unwrapping import Unwrapped, unwrap

# The largest published file, with its optimizer's state, has about 60 MB.
FILE_LIMIT_BYTES = 256 * 2**20
_HEADER_LIMIT_BYTES = 4 * 2**20
_TENSOR_LIMIT = 10_000
_SHOWN_OBJECTS = 4

COUNTER = "num_batches_tracked"
HEADER_KEY = "topformer"
# As files and recipes have it.
_InputSide = Annotated[int, msgspec.Meta(ge=MINIMUM_SIDE_PX, le=MAXIMUM_SIDE_PX)]


class WeightsHeader(Document, frozen=True, kw_only=True):
    """What our own safetensors files say of themselves, as JSON in their metadata."""

    schema: SchemaName = "topformer.weights/1.2"
    model: ModelInfo
    classes: Classes
    name: ShortText
    licence: ShortText
    source: ShortText
    random_seed: Seed | None = None
    # Usual (height, width) in pixels of the pictures it was trained on.
    picture_size: tuple[Positive, Positive] | None = None
    # (height, width) to which they were stretched, half the time or more, as a file of that size
    # stretches them. None where the network saw them in their own shape, or parts of them.
    sample_size: tuple[_InputSide, _InputSide] | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Tensors by their official names, and what the file says about them."""

    path: Path
    sha256: str
    # float32, finite, on the CPU, by their official names; BatchNorm's counters are int64.
    tensors: dict[str, Tensor]
    # From the meta that mmseg and mmengine write, or from our header.
    classes: Classes | None
    # What was wrapped around the weights and taken off, in sentences.
    notes: tuple[str, ...]
    # Only in files of our own.
    header: WeightsHeader | None

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """Shapes of the tensors, by name."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def read_checkpoint(path: Path, *, read_classes: bool = True) -> Checkpoint:
    """Read a checkpoint of any supported format; raises `TopformerError` when it is unsound.

    `read_classes` False leaves the classes it names, which may be malformed, unread.
    Memory stays within about four times the file's size, which is limited to 256 MiB.
    """
    is_folder = path.is_dir()
    data = b"" if is_folder else read_bytes(path, limit_bytes=FILE_LIMIT_BYTES, kind="checkpoint")
    try:
        if is_folder:
            raise describe_folder(path)
        if is_pickled(data):
            return _from_pickled(path, data, read_classes=read_classes)
        if data[8:9] == b"{":
            return _from_safetensors(path, data)
        raise describe_unknown(data)
    except (Unreadable, TopformerError) as error:
        raise TopformerError(
            f"{path} cannot be used as a checkpoint.",
            why=error.why or str(error),
            next_step=error.next_step,
        ) from error


def _from_pickled(path: Path, data: bytes, *, read_classes: bool) -> Checkpoint:
    pickled = load_pickled(data)
    unwrapped = unwrap(pickled.content)
    return Checkpoint(
        path=path,
        sha256=sha256_bytes(data),
        tensors=_sound_tensors(unwrapped.entries, file_bytes=len(data)),
        classes=classes_in(pickled.content) if read_classes else None,
        notes=(*unwrapped.notes, *(() if unwrapped.module else _foreign_note(pickled.foreign))),
        header=None,
    )


def _foreign_note(foreign: tuple[str, ...]) -> tuple[str, ...]:
    """Name the other libraries' objects beside the weights."""
    if not foreign:
        return ()
    shown = ", ".join(brief(name, 80) for name in foreign[:_SHOWN_OBJECTS])
    more = f" and {len(foreign) - _SHOWN_OBJECTS} more" if len(foreign) > _SHOWN_OBJECTS else ""
    return (f"not built, only passed over: objects of {shown}{more}",)


def _from_safetensors(path: Path, data: bytes) -> Checkpoint:
    header_bytes = int.from_bytes(data[:8], "little")
    if header_bytes > min(_HEADER_LIMIT_BYTES, len(data) - 8):
        raise Unreadable(f"Its safetensors header claims {header_bytes:,} bytes.")
    try:
        tensors = safetensors.torch.load(data)
        # The library returns no metadata for bytes in memory; it has checked this JSON above.
        declared = msgspec.json.decode(data[8 : 8 + header_bytes], type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(declared.get("__metadata__", b"{}"), type=dict[str, str])
    except (safetensors.SafetensorError, msgspec.MsgspecError, ValueError, KeyError) as error:
        raise Unreadable(f"Its safetensors header is damaged: {brief(str(error))}.") from error
    header = metadata.get(HEADER_KEY)
    own = None if header is None else _own_header(header)
    # What is known of TopFormer's names is not true of all networks, and ours are not wrapped.
    unwrapped = Unwrapped(entries=dict(tensors), notes=()) if own else unwrap(tensors)
    return Checkpoint(
        path=path,
        sha256=sha256_bytes(data),
        tensors=_sound_tensors(unwrapped.entries, file_bytes=len(data)),
        classes=own.classes if own else None,
        notes=unwrapped.notes,
        header=own,
    )


def _own_header(header: str) -> WeightsHeader:
    try:
        return decode_document(header, WeightsHeader, refusal="Its header cannot be read.")
    except TopformerError as error:
        raise Unreadable(f"{error.what} {brief(error.why)}") from error


def _sound_tensors(weights: Mapping[Any, object], *, file_bytes: int) -> dict[str, Tensor]:
    """Check every entry, first what they claim, then what they hold; convert to float32."""
    if len(weights) > _TENSOR_LIMIT:
        raise Unreadable(f"It has {len(weights):,} entries.")
    claimed: dict[str, Tensor] = {}
    for name, value in weights.items():
        if not isinstance(name, str) or len(name) > NAME_LIMIT:
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
    return {name: _finite_float32(name, tensor) for name, tensor in claimed.items()}


def _numeric(name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        kind = value.qualified if isinstance(value, StandIn) else type(value).__name__
        raise Unreadable(
            f"The entry {brief(name)!r} is a {brief(kind)}, no tensor.",
            next_step="Save the tensors themselves: model.state_dict().",
        )
    if name.endswith(COUNTER):
        return _counter(name, value.detach())
    if value.is_floating_point() and value.element_size() >= 2:
        return value.detach()
    raise Unreadable(
        f"The tensor {brief(name)!r} holds {value.dtype} numbers; weights are floats.",
        next_step="Give the weights as they were trained: float32, float16, bfloat16 or float64.",
    )


def _counter(name: str, tensor: Tensor) -> Tensor:
    """Check a count of batches, which some tools store as a float or as a list of one."""
    if tensor.numel() != 1 or tensor.is_complex():
        raise Unreadable(
            f"The counter {brief(name)!r} has shape {list(tensor.shape)}; it is one number.",
            next_step="Leave the counters out: inference does not use them.",
        )
    return tensor


def _finite_float32(name: str, tensor: Tensor) -> Tensor:
    if name.endswith(COUNTER):
        count = tensor.reshape(()).item()
        # Inference never looks at it: one that is no count becomes none.
        return torch.tensor(int(count) if 0 <= count < 2**63 else 0, dtype=torch.int64)
    numbers = tensor.to(torch.float32)
    if not math.isfinite(numbers.sum(dtype=torch.float64).item()):
        raise Unreadable(
            f"The tensor {brief(name)!r} holds NaN or infinity.",
            next_step="The training diverged or the file is damaged; use an earlier checkpoint.",
        )
    if name.endswith("running_var") and bool((numbers < 0).any()):
        raise Unreadable(f"The variances {brief(name)!r} are partly negative.")
    return numbers
