"""One file over https: bounded, checked for length, and able to go on where it broke off."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated

import msgspec

from topformer import __version__
from topformer.documents import Count, Document, SchemaName, ShortText, read_document
from topformer.errors import TopformerError
from topformer.files import atomic_write

SIZE_LIMIT_BYTES = 256 * 2**20
_BLOCK_BYTES = 2**18
_SOCKET_TIMEOUT_S = 30.0
_RECORD_LIMIT_BYTES = 2**16

# Called with the bytes that are there and, where the server told it, the bytes there will be.
Progress = Callable[[int, int | None], None]


class TransferError(Exception):
    """The file did not come; the text says why."""


# 1,000 characters, each of which can be four bytes of three letters.
Address = Annotated[str, msgspec.Meta(max_length=12_000)]


class PartRecord(Document, frozen=True, kw_only=True):
    """What an unfinished transfer needs to go on; it lies beside the part as `PART.json`."""

    schema: SchemaName = "topformer.part/1"
    url: Address
    # ETag or Last-Modified: tells the server which version the first half is of.
    validator: ShortText
    total_bytes: Count


def transfer(url: str, part: Path, *, progress: Progress | None = None) -> None:
    """Bring the file `part` to its full length, going on from what an earlier attempt left.

    What was received stays in `part` when the transfer fails. Raises `TransferError`.
    """
    record_path = part.with_name(f"{part.name}.json")
    record = _read_record(record_path, part, url)
    start = part.stat().st_size if record else 0
    if record and start == record.total_bytes:
        return
    headers = {"User-Agent": f"topformer/{__version__}", "Accept-Encoding": "identity"}
    if record:
        headers |= {"Range": f"bytes={start}-", "If-Range": record.validator}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the opener does https only
    try:
        with _https_only_opener().open(request, timeout=_SOCKET_TIMEOUT_S) as response:
            whole = response.status == 200  # Even if less was asked for.
            start = 0 if whole else start
            _check_answer(response, start, record)
            if whole:
                # What the record does not describe is gone before it is there.
                part.unlink(missing_ok=True)
                _write_record(record_path, _new_record(response, url))
            _receive(response, part, start=start, progress=progress)
    # Where a server sends one to no address, urllib and the codec of names raise ValueError.
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == 416:
            # What is here does not fit the file there: the next attempt begins anew.
            part.unlink(missing_ok=True)
        raise TransferError(_reason(error)) from error


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never to an unencrypted address."""

    def redirect_request(  # noqa: PLR0917 - the signature is the library's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith("https://"):
            raise TransferError(f"The server redirects to {newurl[:200]}, which is not https.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _https_only_opener() -> urllib.request.OpenerDirector:
    """Build an opener without the handlers for http, ftp, file and data addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _HttpsRedirects(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _read_record(record_path: Path, part: Path, url: str) -> PartRecord | None:
    """Return what is known of an earlier attempt, where it can be continued."""
    try:
        record = read_document(
            record_path, PartRecord, limit_bytes=_RECORD_LIMIT_BYTES, called="record"
        )
        received_bytes = part.stat().st_size
    except (OSError, TopformerError):
        return None
    fits = record.url == url and 0 < received_bytes <= record.total_bytes
    return record if fits else None


def _new_record(response: http.client.HTTPResponse, url: str) -> PartRecord | None:
    """Describe the file about to come; None where the server gives too little to resume it."""
    etag = response.headers.get("ETag", "")
    # Weak ETags do not vouch for single bytes.
    strong = etag if etag.startswith('"') else ""
    validator = (strong or response.headers.get("Last-Modified", ""))[:1000]
    length = _length(response)
    if length is None or not validator:
        return None
    return PartRecord(url=url, validator=validator, total_bytes=length)


def _write_record(record_path: Path, record: PartRecord | None) -> None:
    if record:
        atomic_write(record_path, msgspec.json.encode(record))
    else:
        record_path.unlink(missing_ok=True)


def _check_answer(
    response: http.client.HTTPResponse, start: int, record: PartRecord | None
) -> None:
    """Refuse an answer that is not the file, or not the part of it that was asked for."""
    if response.headers.get_content_type() == "text/html":
        raise TransferError("The server sent a web page in place of the file.")
    if response.status == 206 and record:
        rest = f"bytes {start}-{record.total_bytes - 1}/{record.total_bytes}"
        if response.headers.get("Content-Range") != rest:
            raise TransferError("The server sent another part of the file than was asked for.")
    elif response.status != 200:
        raise TransferError(f"The server answered {response.status}, which brings no file.")
    length = _length(response)
    if length is None and not response.chunked:
        raise TransferError("The server does not tell the file's length.")
    if length is not None and start + length > SIZE_LIMIT_BYTES:
        raise TransferError(f"It has {start + length:,} bytes; the limit is {SIZE_LIMIT_BYTES:,}.")


def _receive(
    response: http.client.HTTPResponse, part: Path, *, start: int, progress: Progress | None
) -> None:
    """Write the answer to `part`, from `start` on, and check that all of it came."""
    length = _length(response)
    total = None if length is None else start + length
    received = start
    with part.open("ab" if start else "wb") as stream:
        while block := response.read(_BLOCK_BYTES):
            # Safetensors begin with a length, which may look like a tag, and a brace.
            if received == 0 and block.lstrip()[:1] == b"<" and block[8:9] != b"{":
                raise TransferError("The server sent a web page in place of the file.")
            received += len(block)
            if received > SIZE_LIMIT_BYTES:
                stream.truncate(0)
                raise TransferError(f"It has more than the limit of {SIZE_LIMIT_BYTES:,} bytes.")
            stream.write(block)
            if progress:
                progress(received, total)
        stream.flush()
        os.fsync(stream.fileno())
    if total is not None and received != total:
        raise TransferError(f"The connection broke after {received:,} of {total:,} bytes.")


def _length(response: http.client.HTTPResponse) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length[:20]) if length.isdecimal() else None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"The server answered {error.code} {error.reason}."
    if isinstance(error, urllib.error.URLError):
        return f"There is no connection: {error.reason}."
    return str(error) or type(error).__name__
