"""The user's cache of fetched weights: every file whole, locked while it comes, and unchanged.

Beside `NAME` lie `NAME.sha256` (what its first fetch brought, checked on every later use),
`NAME.lock`, and while a transfer is unfinished `NAME.part` and `NAME.part.json`.
"""

import re
import string
import urllib.parse
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import platformdirs
from filelock import FileLock, Timeout

from topformer.documents import Count, Document, SchemaName, Sha256, read_document
from topformer.errors import ByHandError, TopformerError, UsageError
from topformer.files import atomic_write, sha256_file, shown
from topformer.weights.transfer import Address, Progress, TransferError, transfer

_LOCK_TIMEOUT_S = 900.0
_RECORD_LIMIT_BYTES = 2**16
_URL_LIMIT = 1000
_ELSEWISE = "Download the file by other means, and give its path."


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file on the network."""

    # None where no program can fetch it.
    url: str | None
    # Its name in the cache.
    file_name: str
    # What a person does where the transfer fails; by which option the file is given, a verb adds.
    by_hand: str
    # As it was asked for, where that is not its name in the cache.
    called: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.called or self.file_name


class FetchRecord(Document, frozen=True, kw_only=True):
    """What the first fetch brought, `NAME.sha256`."""

    schema: SchemaName = "topformer.fetch/1"
    url: Address
    sha256: Sha256
    size_bytes: Count


def url_download(url: str) -> Download:
    """Describe a user's own https address; raises `UsageError` for any that is not fetched."""
    why, next_step = _refusal(url)
    if why:
        raise UsageError(f"{shown(url)} cannot be fetched.", why=why, next_step=next_step)
    parts = urllib.parse.urlsplit(url)
    last = urllib.parse.unquote(parts.path).rsplit("/", 1)[-1]
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", last)[-80:] or "weights"
    # The digest keeps files of the same name from different places apart.
    return Download(
        url=_in_ascii(parts),
        file_name=f"{sha256(url.encode()).hexdigest()[:16]}-{safe}",
        by_hand=_ELSEWISE,
        called=shown(url),
    )


def _refusal(url: str) -> tuple[str, str]:
    """Say why an address is not fetched, and what works instead; nothing of one that is."""
    if len(url) > _URL_LIMIT:
        return f"It has {len(url):,} characters; {_URL_LIMIT:,} are the limit.", _ELSEWISE
    if not url.isprintable() or " " in url:
        return "It holds blanks or characters that no address has.", "Write blanks as %20."
    try:
        parts = urllib.parse.urlsplit(url)
        host, _port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:  # brackets, ports, and names that no host can have
        return f"It is no address: {error}.", f"Look for what is mistyped. Or: {_ELSEWISE}"
    return _refusal_of_parts(parts)


def _refusal_of_parts(parts: urllib.parse.SplitResult) -> tuple[str, str]:
    if parts.scheme == "file":
        return "It is a file on this machine.", "Give its path alone, without file://."
    if parts.scheme != "https":
        return (
            "Only https addresses are, so that nobody on the way can swap the weights.",
            f"Try it with https:// in place of {parts.scheme}://. Or: {_ELSEWISE}",
        )
    if parts.username is not None:
        return "It holds a user name, and only open addresses are fetched.", _ELSEWISE
    return ("", "") if parts.hostname else ("It names no host.", "Write https://HOST/PATH.")


def _in_ascii(parts: urllib.parse.SplitResult) -> str:
    """Write an address as it is sent: other letters are encoded, what is encoded stays."""
    host = (parts.hostname or "").encode("idna").decode()
    netloc = f"[{host}]" if ":" in host else host
    netloc += "" if parts.port is None else f":{parts.port}"
    path, query = (urllib.parse.quote(part, safe=string.punctuation) for part in parts[2:4])
    return urllib.parse.urlunsplit((parts.scheme, netloc, path, query, ""))


def cached_path(file_name: str) -> Path:
    """Where a file lies in the cache once it is fetched."""
    return platformdirs.user_cache_path("topformer") / "weights" / file_name


def fetch(download: Download, *, progress: Progress | None = None) -> Path:
    """Return the path of a file in the cache, fetching it first where it is not there.

    Processes that want the same file wait for each other. Raises `ByHandError` saying how to get
    the file when it cannot be fetched, `TopformerError` when it is not what it once was.
    """
    target = cached_path(download.file_name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock", timeout=_LOCK_TIMEOUT_S):
            if target.is_file():
                _check_or_record(target, target, download)
            else:
                _fetch_new(download, target, progress)
    except Timeout as error:
        raise TopformerError(
            f"Another process has been fetching {download.name} for too long.",
            next_step="Wait for it or end it, then try again.",
        ) from error
    except OSError as error:
        raise ByHandError(
            f"{target} cannot be written.", why=str(error), next_step=download.by_hand
        ) from error
    return target


def _fetch_new(download: Download, target: Path, progress: Progress | None) -> None:
    if download.url is None:
        raise ByHandError(
            f"{download.file_name} cannot be fetched by a program.",
            why="It is published in a shared folder that only a browser can open.",
            next_step=download.by_hand,
        )
    part = target.with_name(f"{target.name}.part")
    try:
        transfer(download.url, part, progress=progress)
    except TransferError as error:
        raise ByHandError(
            f"{download.name} could not be fetched.",
            why=str(error),
            next_step=f"Try again, it goes on where it stopped. Or: {download.by_hand}",
        ) from error
    # The record comes before the file, so that no complete file is ever there without one.
    _check_or_record(part, target, download)
    part.replace(target)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)


def _check_or_record(path: Path, target: Path, download: Download) -> None:
    """Compare a file with the record of the first fetch of `target`, or write that record."""
    record_path = target.with_name(f"{target.name}.sha256")
    found = sha256_file(path)
    if not record_path.exists():
        record = FetchRecord(url=download.url or "", sha256=found, size_bytes=path.stat().st_size)
        atomic_write(record_path, msgspec.json.encode(record))
        return
    recorded = read_document(
        record_path,
        FetchRecord,
        limit_bytes=_RECORD_LIMIT_BYTES,
        called="record",
        refusal=f"{record_path} is damaged.",
        next_step=f"Delete it and {target}.",
    )
    if recorded.sha256 != found:
        path.unlink(missing_ok=True)
        raise TopformerError(
            f"{download.name} is not the file that was fetched first.",
            why=f"Its sha256 is {found}, the first one's was {recorded.sha256}. The copy at hand "
            "was removed.",
            next_step=f"Try again. If you trust the new version, delete {record_path} before.",
        )
