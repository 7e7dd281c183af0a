"""Documents: everything that is written as JSON, or read back from a file or another program.

Each names its version in `schema`, as "topformer.bench/1" or "topformer.bench/1.2". A newer minor
version has more fields, which are ignored here; another major version is refused.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar, cast

import msgspec

from topformer.errors import TopformerError
from topformer.files import read_bytes
from topformer.text import well_formed

# Documents come from anywhere. Numbers are bounded, so that nothing computed from them overflows:
# whole ones by what a float64 holds exactly, as other readers of JSON keep them.
LARGEST_COUNT = 2**53
LARGEST_NUMBER = 1e15

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
SHORT_TEXT_LIMIT = 1000
ShortText = Annotated[str, msgspec.Meta(max_length=SHORT_TEXT_LIMIT)]
Side = Annotated[int, msgspec.Meta(ge=1, le=4096)]
One = Annotated[int, msgspec.Meta(ge=1, le=1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_COUNT)]
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]
# As random generators take it.
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# What was measured or computed: seconds, degrees, decibels, ratios.
Number = Annotated[float, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
SchemaName = Annotated[str, msgspec.Meta(pattern=r"^topformer\.[a-z-]+/[0-9]+(\.[0-9]+)?$")]


class Document(msgspec.Struct, frozen=True):
    """Base of all documents, and of what they are made of: validated on the way in."""


DocumentT = TypeVar("DocumentT", bound=Document)


def encode_json(document: Document) -> bytes:
    r"""Serialise a document as JSON; bytes in names that are not UTF-8 are written as `\\xe9`."""
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_well_formed(msgspec.to_builtins(document)))


def encode_document(document: Document) -> bytes:
    """Serialise a document as indented JSON, for people too."""
    return msgspec.json.format(encode_json(document), indent=2) + b"\n"


def _well_formed(value: object) -> object:
    """Copy what JSON is made of, with every text well-formed."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        entries = cast("dict[object, object]", value).items()
        return {_well_formed(key): _well_formed(entry) for key, entry in entries}
    if isinstance(value, list | tuple):
        return [_well_formed(entry) for entry in cast("Sequence[object]", value)]
    return value


class _Named(msgspec.Struct):
    schema: str = "no schema"


def decode_document(
    data: bytes | str, kind: type[DocumentT], *, refusal: str, next_step: str = ""
) -> DocumentT:
    """Read and validate a document that has a `schema`.

    Raises `TopformerError`, saying `refusal` and why, for anything else: no JSON, another document
    or major version, missing and impossible values.
    """
    written = next(one.default for one in msgspec.structs.fields(kind) if one.name == "schema")
    needed = without_minor(written)
    try:
        found = msgspec.json.decode(data, type=_Named).schema
        if without_minor(found) == needed:
            return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TopformerError(refusal, why=str(error), next_step=next_step) from error
    why = f"It is {found[:80]!r}, and {needed!r} is needed."
    raise TopformerError(refusal, why=why, next_step=next_step)


def read_document(
    path: Path,
    kind: type[DocumentT],
    *,
    limit_bytes: int,
    called: str,
    refusal: str = "",
    next_step: str = "",
) -> DocumentT:
    """Read a document from a file of limited size; errors call it `called`, as in "manifest"."""
    data = read_bytes(path, limit_bytes=limit_bytes, kind=called)
    refusal = refusal or f"{path} is not a {called} this version understands."
    return decode_document(data, kind, refusal=refusal, next_step=next_step)


def without_minor(schema: str) -> str:
    """Return what a document is and its major version, as in "topformer.bench/1"."""
    name, slash, version = schema.rpartition("/")
    return name + slash + version.partition(".")[0]
