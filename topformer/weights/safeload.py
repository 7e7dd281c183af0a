"""Opening `torch.save` files from strangers: bounded, and never beyond torch's weights-only loader.

Three things stand before that loader. The zip container is read by Python's zipfile and written
anew, so that torch's own zip reader sees nothing but stored members of known size. The pickle is
walked, not run: it may name tensors, plain containers and nothing else. And its length is bounded.
There is no fallback to unrestricted unpickling.
"""

import argparse
import io
import pickletools
import zipfile

import torch

from topformer.text import brief

ZIP_MAGIC = b"PK\x03\x04"
# What torch.save wrote before version 1.6, still the format of some published checkpoints: five
# pickles in a row, then the raw numbers. The first pickle is this constant.
LEGACY_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
_LEGACY_PICKLES = 5

_MEMBER_LIMIT = 20_000
# A checkpoint with optimizer and averaged weights takes about 70,000.
_INSTRUCTION_LIMIT = 1_000_000

_ALLOWED_GLOBALS = {
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(
        f"torch.{number}Storage"
        for number in (
            *("Float", "Half", "BFloat16", "Double"),
            *("Long", "Int", "Short", "Char", "Byte", "Bool"),
        )
    ),
    # timm keeps the arguments of its training command beside the weights. The class is a bag of
    # attributes without code of its own.
    "argparse.Namespace",
}

_STRIP_COMMAND = (
    "If you trust whoever made the file, save its weights alone, where any code in it may run: "
    "python -c \"import torch; c = torch.load('IN.pth', map_location='cpu', weights_only=False); "
    "torch.save({'state_dict': c['state_dict']}, 'OUT.pth')\""
)


class Unreadable(Exception):  # noqa: N818 - becomes a TopformerError once the file's name is known
    """A file that is not what it claims; the text says why."""

    def __init__(self, why: str, *, next_step: str = "") -> None:
        """Take the reason and, where there is one, what to do about it."""
        super().__init__(why)
        self.why = why
        self.next_step = next_step


def is_pickled(data: bytes) -> bool:
    """Whether these bytes begin like a file of `torch.save`, of today or of old."""
    return data.startswith((ZIP_MAGIC, LEGACY_MAGIC))


def load_pickled(data: bytes) -> object:
    """Load the object in a `torch.save` file, tensors on the CPU.

    Needs about three times the memory of `data`. Raises `Unreadable`.
    """
    if data.startswith(ZIP_MAGIC):
        data, pickle = _repack(data)
        _refuse_objects(pickle, pickles=1)
    else:
        _refuse_objects(data, pickles=_LEGACY_PICKLES)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True, mmap=False)
    except Exception as error:
        # Hostile bytes make the loader fail in any way Python can; all of them mean the same.
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unreadable(f"torch's weights-only loader refuses it: {brief(first_line)}") from error


def _repack(data: bytes) -> tuple[bytes, bytes]:
    """Copy the members of a zip file into a fresh one; return it and its `data.pkl`."""
    # Each directory entry begins with this mark: bound them before zipfile builds objects of them.
    if data.count(b"PK\x01\x02") > _MEMBER_LIMIT:
        raise Unreadable(f"Its zip directory lists more than {_MEMBER_LIMIT:,} members.")
    fresh = io.BytesIO()
    pickle = None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members, file_bytes=len(data))
            with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as copy:
                for member in members:
                    content = archive.read(member)
                    copy.writestr(member.filename, content)
                    if member.filename.count("/") == 1 and member.filename.endswith("/data.pkl"):
                        pickle = content
    except Unreadable:
        raise
    except Exception as error:  # Besides BadZipFile it fails with half a dozen others.
        raise Unreadable(f"The zip container is damaged: {brief(str(error))}.") from error
    if pickle is None:
        raise Unreadable("It is a zip file without the data.pkl that torch.save writes.")
    return fresh.getvalue(), pickle


def _check_members(members: list[zipfile.ZipInfo], *, file_bytes: int) -> None:
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise Unreadable("Its members are compressed; torch.save never does that.")
    # Members that overlap could add up to far more than the file.
    if sum(member.file_size for member in members) > file_bytes:
        raise Unreadable("Its members claim more bytes than the file has.")
    # torch's zip reader ignores case, and takes the first folder for the checkpoint: whatever it
    # could mistake for the pickle we walk is refused.
    if len({member.filename.lower() for member in members}) != len(members):
        raise Unreadable("Two of its members have the same name.")
    if len({member.filename.split("/")[0] for member in members}) > 1:
        raise Unreadable("Its members lie in more than one folder; torch.save never does that.")


def _refuse_objects(data: bytes, *, pickles: int) -> None:
    """Walk pickles without running them; refuse any that names more than tensors need."""
    stream = io.BytesIO(data)
    foreign: set[str] = set()
    instructions = 0
    try:
        for _ in range(pickles):
            for opcode, argument, _position in pickletools.genops(stream):
                instructions += 1
                if instructions > _INSTRUCTION_LIMIT:
                    raise Unreadable(
                        f"Its pickle has more than {_INSTRUCTION_LIMIT:,} instructions."
                    )
                if opcode.name == "GLOBAL":
                    foreign.add(str(argument).replace(" ", "."))
                elif opcode.name in {"STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}:
                    foreign.add(f"a {opcode.name} instruction, which torch.save never writes")
    except (ValueError, EOFError, UnicodeDecodeError) as error:
        raise Unreadable(f"Its pickle is damaged: {brief(str(error))}.") from error
    foreign -= _ALLOWED_GLOBALS
    if foreign:
        shown = ", ".join(brief(name, 80) for name in sorted(foreign)[:5])
        # torch's own, but no module: what it builds special tensors with.
        if all(name.startswith("torch.") and ".nn." not in name for name in foreign):
            raise Unreadable(
                f"Its tensors are sparse, quantised, complex, 8-bit or without data ({shown}).",
                next_step="Give the weights as they were trained, in dense floats.",
            )
        raise Unreadable(
            f"It holds Python objects besides tensors and plain values: {shown}. "
            "Building them can run code, so they are never loaded.",
            next_step=_STRIP_COMMAND,
        )
