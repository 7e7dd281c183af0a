"""What an earlier report left in its folder, and whether it can be taken again.

A result is taken again when all that it was made from is the same, and its files are as they were
written: weights, options, versions and data are hashed into one number, and each file has its own.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from topformer.documents import Document, SchemaName, Sha256, encode_document, read_document
from topformer.errors import TopformerError
from topformer.files import atomic_write, fitting_name, sha256_bytes, sha256_file

LIMIT_BYTES = 16 * 2**20
FILE_NAME = "kept.json"


class KeptResult(Document, frozen=True, kw_only=True):
    """One result."""

    # Of all that it depends on.
    made_from: Sha256
    # Hashes of its files by their paths below the folder.
    files: dict[str, Sha256]


class KeptDocument(Document, frozen=True, kw_only=True):
    """All results of a folder by name."""

    schema: SchemaName = "topformer.report-kept/1"
    results: dict[str, KeptResult]


class Kept:
    """The results in a folder."""

    def __init__(self, folder: Path) -> None:
        """Read what is known of `folder`; a list that cannot be read counts as none."""
        self.folder = folder
        self._results: dict[str, KeptResult] = {}
        path = folder / FILE_NAME
        if path.is_file():
            with suppress(TopformerError):
                self._results = read_document(
                    path, KeptDocument, limit_bytes=LIMIT_BYTES, called="list of results"
                ).results

    def place(self, kind: str, name: str, suffix: str) -> Path:
        """Say where a result of one kind is written, as in scores/tiny-448x448-fp32-onnx.json."""
        return self.folder / kind / fitting_name(in_paths(name), suffix)

    def find(self, name: str, made_from: Mapping[str, object]) -> list[Path] | None:
        """Return the files of a result in the order they were noted; None where it must be made."""
        result = self._results.get(name)
        if result is None or result.made_from != _digest(made_from):
            return None
        files = {self.folder / path: sha256 for path, sha256 in result.files.items()}
        with suppress(OSError, TopformerError):
            if all(sha256_file(path) == sha256 for path, sha256 in files.items()):
                return list(files)
        return None

    def note(self, name: str, made_from: Mapping[str, object], files: Sequence[Path]) -> None:
        """Remember a result whose files, inside the folder, have just been written."""
        hashes = {path.relative_to(self.folder).as_posix(): sha256_file(path) for path in files}
        self._results[name] = KeptResult(made_from=_digest(made_from), files=hashes)
        document = KeptDocument(results=self._results)
        atomic_write(self.folder / FILE_NAME, encode_document(document))


def in_paths(name: str) -> str:
    """Spell the name of a file as those of its results begin."""
    return name.replace(" ", "-")


def _digest(made_from: Mapping[str, object]) -> str:
    return sha256_bytes(json.dumps(made_from, sort_keys=True, default=str).encode())
