"""Files and folders that are no checkpoint of ours, named for what they are."""

import re
import shlex
from pathlib import Path

from topformer.text import brief
from topformer.weights.disarm import Unreadable

_WANTED = "Give a .pth that torch.save wrote, or safetensors."
_UNPACK = "Unpack it, and give the .pth or .safetensors from inside."
_EXPORTED = (
    "This verb wants the checkpoint that such a file was exported from; `topformer predict --model`"
    " runs an exported file that topformer made."
)
_SAVE_ALONE = "If you trust whoever made it, save its weights alone, and give OUT.pth: "
_TORCHSCRIPT_COMMAND = (
    f'{_SAVE_ALONE}python -c "import torch; torch.save('
    "torch.jit.load('IN', map_location='cpu').state_dict(), 'OUT.pth')\""
)
_EXPORT_COMMAND = (
    f'{_SAVE_ALONE}python -c "import torch; torch.save('
    "dict(torch.export.load('IN').state_dict), 'OUT.pth')\""
)
_SHOWN_MEMBERS = 3

# By the bytes at a place: what the file is, and what to do about it.
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x1f\x8b", "It is packed with gzip.", "Unpack it: gunzip FILE.gz, or tar xzf."),
    (0, b"BZh", "It is packed with bzip2.", _UNPACK),
    (0, b"\xfd7zXZ\x00", "It is packed with xz.", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "It is packed with Zstandard.", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "It is a 7-Zip archive.", _UNPACK),
    (0, b"Rar!\x1a\x07", "It is a RAR archive.", _UNPACK),
    (257, b"ustar", "It is a tar archive.", _UNPACK),
    (0, b"PK\x05\x06", "It is an empty zip archive.", _WANTED),
    (
        0,
        b"\x89HDF\r\n\x1a\n",
        "It is an HDF5 file, as Keras writes it (.h5).",
        "TopFormer's weights come from PyTorch. " + _WANTED,
    ),
    (4, b"ET1", "It is an ExecuTorch program (.pte).", _EXPORTED),
    (4, b"TFL3", "It is a TensorFlow Lite model (.tflite).", _WANTED),
    (0, b"\x93NUMPY", "It is a numpy array (.npy).", _WANTED),
    (0, b"GGUF", "It is a GGUF file, a language model's.", _WANTED),
    (
        0,
        b"version https://git-lfs",
        "It is a pointer of Git LFS, in place of the file.",
        "Fetch the file itself: git lfs pull.",
    ),
    (0, b"\x89PNG", "It is a picture.", _WANTED),
    (0, b"\xff\xd8\xff", "It is a picture.", _WANTED),
    (0, b"%PDF", "It is a PDF document.", _WANTED),
    (0, b"\x7fELF", "It is a program or library of Linux.", _WANTED),
)
# ONNX has no magic: the version of its format, then one of the fields that exporters write next.
_ONNX = re.compile(rb"\x08[\x01-\x1f](\x12[\x01-\x40][\x20-\x7e]+|[\x3a\x42])")


def describe_unknown(data: bytes) -> Unreadable:
    """Say what a file is whose bytes begin like no checkpoint."""
    what, next_step = _told(data)
    return Unreadable(what, next_step=next_step)


def _told(data: bytes) -> tuple[str, str]:
    """Tell what the file is, and what to do about it."""
    if not data:
        return "It is empty.", "Copy or fetch it again."
    known = next((kind for kind in _MAGIC if data.startswith(kind[1], kind[0])), None)
    if known:
        return known[2], known[3]
    if data.lstrip()[:1] == b"<":
        return (
            "It is a web page, as a download site sends it in place of a file.",
            "Fetch the file with a browser, and look at its size.",
        )
    if _ONNX.match(data):
        return "It is an ONNX model (.onnx).", _EXPORTED
    if data[:1] == b"\x80":
        return (
            "It is a Python pickle that torch.save did not write, and pickles can run code.",
            _WANTED,
        )
    what = "It is neither a torch.save file (.pth) nor safetensors."
    if _is_text(data[:4096]):
        what = "It is a text file, and neither a torch.save file (.pth) nor safetensors."
    return what, _WANTED


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        # A letter may be cut in two by the end.
        if error.start < len(start) - 3:
            return False
        text = start[: error.start].decode()
    return all(letter.isprintable() or letter.isspace() for letter in text)


def refuse_foreign_zip(names: list[str]) -> None:
    """Refuse a zip file that torch.save did not write, by what lies in it."""
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        raise Unreadable(
            "It is a TorchScript archive (torch.jit.save): a program with its weights inside.",
            next_step=_TORCHSCRIPT_COMMAND,
        )
    if "models/model.json" in inner or "serialized_exported_program.json" in names:
        raise Unreadable(
            "It is a program of torch.export (.pt2).",
            next_step=_EXPORT_COMMAND,
        )
    if "data.pkl" in inner or not names:
        return
    if any(name.endswith(".weights.h5") for name in names):
        raise Unreadable("It is a Keras model (.keras).", next_step=_WANTED)
    if all(name.endswith(".npy") for name in names):
        raise Unreadable("It is numpy's archive of arrays (.npz).", next_step=_WANTED)
    if any(name.endswith("Manifest.json") for name in names) and any(
        ".mlmodel" in name for name in names
    ):
        raise Unreadable("It is a Core ML package.", next_step=_WANTED)
    telling = [name for name in names if name.endswith((".pth", ".pt", ".ckpt", ".safetensors"))]
    shown = ", ".join(brief(name, 80) for name in (telling or names)[:_SHOWN_MEMBERS])
    raise Unreadable(
        f"It is a zip archive without the data.pkl that torch.save writes; it holds {shown}"
        f"{', ...' if len(telling or names) > _SHOWN_MEMBERS else ''}.",
        next_step=_UNPACK if telling else _WANTED,
    )


def describe_folder(folder: Path) -> Unreadable:
    """Say what a folder is that was given in place of a checkpoint."""
    names = sorted(path.name for path in folder.iterdir())
    if "saved_model.pb" in names or any(name.endswith(".index") for name in names):
        return Unreadable("It is a folder, with TensorFlow's model in it.", next_step=_WANTED)
    if ".metadata" in names or any(name.endswith(".distcp") for name in names):
        return Unreadable(
            "It is a folder, with a sharded checkpoint of torch.distributed.checkpoint in it.",
            next_step="Make one file of it: python -m torch.distributed.checkpoint.format_utils "
            "dcp_to_torch FOLDER OUT.pth",
        )
    if "data.pkl" in names:
        # All members must lie in one folder, of one name.
        folder = folder.absolute()
        parent, name = (shlex.quote(str(one)) for one in (folder.parent, folder.name))
        return Unreadable(
            "It is a folder: a .pth that was unpacked as a zip file.",
            next_step=f"Give the .pth itself, or pack the folder again: cd {parent} && "
            f"zip -0 -r OUT.pth {name}",
        )
    if any(name.startswith(("zero_pp_rank", "mp_rank", "global_step")) for name in names):
        rank = next((name for name in names if name.startswith("mp_rank")), "")
        return Unreadable(
            "It is a folder of DeepSpeed's.",
            next_step=f"Give {rank} in it."
            if rank
            else "Give the mp_rank_00_model_states.pt "
            "below it, or what zero_to_fp32.py makes of it.",
        )
    files = [name for name in names if name.endswith((".pth", ".pt", ".ckpt", ".safetensors"))]
    shown = ", ".join(brief(name, 80) for name in files[:_SHOWN_MEMBERS])
    return Unreadable(
        "It is a folder, and a file is wanted.",
        next_step=f"Give a file in it: {shown}." if files else _WANTED,
    )
