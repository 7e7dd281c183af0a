"""Opening `torch.save` files from strangers: bounded, and never beyond torch's weights-only loader.

Three things stand before that loader. The zip container is read by Python's zipfile and written
anew, so that torch's own zip reader sees nothing but stored members of known size. The pickle is
walked, not run, and rewritten to name tensors, plain containers and inert things of ours only (see
`disarm`). And its length is bounded. There is no fallback to unrestricted unpickling.
"""

import io
import warnings
import zipfile
from dataclasses import dataclass

import torch

from topformer.text import brief
from topformer.weights.disarm import Disarmed, Unreadable
from topformer.weights.file_kinds import refuse_foreign_zip

ZIP_MAGIC = b"PK\x03\x04"
# What torch.save wrote before version 1.6, still the format of some published checkpoints: five
# pickles in a row, then the raw numbers. The first pickle is this constant.
LEGACY_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
_LEGACY_PICKLES = 5

_WHOLE_MODEL_COMMAND = (
    "If you trust whoever made it, save its tensors where its program is installed, and give "
    "OUT.pth: python -c \"import torch; m = torch.load('IN', map_location='cpu', "
    "weights_only=False); torch.save({'state_dict': m.state_dict(), 'meta': {'CLASSES': "
    "getattr(m, 'CLASSES', None)}}, 'OUT.pth')\""
)

_MEMBER_LIMIT = 20_000


def is_pickled(data: bytes) -> bool:
    """Whether these bytes begin like a file of `torch.save`, of today or of old."""
    return data.startswith((ZIP_MAGIC, LEGACY_MAGIC))


@dataclass(frozen=True, kw_only=True)
class Pickled:
    """What a `torch.save` file holds, and whose objects in it were not built."""

    content: object
    foreign: tuple[str, ...]


def load_pickled(data: bytes) -> Pickled:
    """Load the object in a `torch.save` file, tensors on the CPU.

    Needs about three times the memory of `data`. Raises `Unreadable`.
    """
    disarmed = Disarmed()
    if data.startswith(ZIP_MAGIC):
        data = _repack(data, disarmed)
    else:
        data = disarmed.rewrite(data, pickles=_LEGACY_PICKLES)
    try:
        # torch warns of another pickle protocol, which it reads, and asks to report that.
        with (
            warnings.catch_warnings(action="ignore"),
            torch.serialization.safe_globals(disarmed.safe_globals),
        ):
            content: object = torch.load(
                io.BytesIO(data), map_location="cpu", weights_only=True, mmap=False
            )
    except Exception as error:
        # Hostile bytes make the loader fail in any way Python can; all of them mean the same.
        said = str(error).partition("WeightsUnpickler error:")
        first_line = ((said[2] or said[0]).strip().splitlines() or [type(error).__name__])[0]
        if "persistent_load of storage" in first_line:
            raise Unreadable(
                "It is a whole pickled model in the format before torch 1.6, with its program.",
                next_step=_WHOLE_MODEL_COMMAND,
            ) from error
        raise Unreadable(
            f"torch's weights-only loader refuses it: {brief(first_line)}",
            next_step="Copy or fetch it again; it may be damaged.",
        ) from error
    return Pickled(content=content, foreign=tuple(disarmed.foreign))


def _repack(data: bytes, disarmed: Disarmed) -> bytes:
    """Copy the members of a zip file into a fresh one, its `data.pkl` made harmless."""
    # Each directory entry begins with this mark: bound them before zipfile builds objects of them.
    if data.count(b"PK\x01\x02") > _MEMBER_LIMIT:
        raise Unreadable(f"Its zip directory lists more than {_MEMBER_LIMIT:,} members.")
    fresh = io.BytesIO()
    pickles = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            refuse_foreign_zip([member.filename for member in members])
            _check_members(members, file_bytes=len(data))
            with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as copy:
                for member in members:
                    content = archive.read(member)
                    if member.filename.count("/") == 1 and member.filename.endswith("/data.pkl"):
                        content = disarmed.rewrite(content, pickles=1)
                        pickles += 1
                    copy.writestr(member.filename, content)
    except Unreadable:
        raise
    except Exception as error:  # Besides BadZipFile it fails with half a dozen others.
        raise Unreadable(f"The zip container is damaged: {brief(str(error))}.") from error
    if not pickles:
        raise Unreadable("It is a zip file without the data.pkl that torch.save writes.")
    return fresh.getvalue()


def _check_members(members: list[zipfile.ZipInfo], *, file_bytes: int) -> None:
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise Unreadable(
            "Its members are compressed; torch.save never does that.",
            next_step="If it was packed by hand, unpack it and pack it again without: "
            "zip -0 -r OUT.pth FOLDER",
        )
    # Members that overlap could add up to far more than the file.
    if sum(member.file_size for member in members) > file_bytes:
        raise Unreadable("Its members claim more bytes than the file has.")
    # torch's zip reader ignores case, and takes the first folder for the checkpoint: whatever it
    # could mistake for the pickle we walk is refused.
    if len({member.filename.lower() for member in members}) != len(members):
        raise Unreadable("Two of its members have the same name.")
    if len({member.filename.split("/")[0] for member in members}) > 1:
        raise Unreadable("Its members lie in more than one folder; torch.save never does that.")
