"""Against a real TLS server on this machine; nothing of the transfer is replaced."""

import hashlib
import os
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
import trustme

from topformer.errors import TopformerError, UsageError
from topformer.weights import fetch as fetch_module
from topformer.weights import transfer as transfer_module
from topformer.weights.fetch import Download, FetchRecord, cached_path, fetch, url_download

BODY = bytes(range(256)) * 4000  # Larger than one block of the transfer.


@dataclass
class Site:
    """A server with one file, and how it behaves."""

    address: str = ""
    body: bytes = BODY
    etag: str | None = '"version 1"'
    last_modified: str | None = None
    content_type: str = "application/octet-stream"
    states_length: bool = True
    # Cut the first answer off after so many bytes.
    cut_bytes: int | None = None
    redirect_to: str | None = None
    status: int = 200
    # The Range header of each request, None where it had none.
    ranges: list[str | None] = field(default_factory=list)

    @property
    def download(self):
        return Download(url=self.address, file_name="weights.pth", by_hand="Use the browser.")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self):
        site = self.site
        wanted = self.headers["Range"]
        site.ranges.append(wanted)
        if site.redirect_to and self.path != "/moved":
            self.send_response(302)
            self.send_header("Location", site.redirect_to)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        if wanted and self.headers["If-Range"] in {site.etag, site.last_modified}:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(site.body) or site.status != 200:
            self.send_error(site.status if site.status != 200 else 416)
            return
        self._answer(start)

    def _answer(self, start):
        site = self.site
        self.close_connection = True
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", site.content_type)
        if start:
            total = len(site.body)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        for name, value in (("ETag", site.etag), ("Last-Modified", site.last_modified)):
            if value:
                self.send_header(name, value)
        if site.states_length:
            self.send_header("Content-Length", str(len(site.body) - start))
        self.end_headers()
        end, site.cut_bytes = site.cut_bytes, None
        self.wfile.write(site.body[start:end])

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def site(monkeypatch, tmp_path):
    site = Site()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trustme.CA()
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    handler = type("SiteHandler", (Handler,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        site.address = f"https://localhost:{server.server_port}/weights.pth"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(fetch_module, "cached_path", lambda name: tmp_path / "cache" / name)
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_fetched_whole_and_its_hash_recorded(site, cache):
    seen = []
    path = fetch(site.download, progress=lambda *numbers: seen.append(numbers))
    assert path.read_bytes() == BODY
    assert names(cache) == ["weights.pth", "weights.pth.sha256"]
    record = msgspec.json.decode((cache / "weights.pth.sha256").read_bytes(), type=FetchRecord)
    assert record.sha256 == hashlib.sha256(BODY).hexdigest()
    assert (record.url, record.size_bytes) == (site.address, len(BODY))
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1] == (len(BODY), len(BODY))


def test_the_second_use_needs_no_network(site):
    assert fetch(site.download) == fetch(site.download)
    assert site.ranges == [None]


def test_a_long_address_of_any_letters_is_known_again(site):
    address = site.address.replace("weights.pth", "重" * 300)
    download = url_download(address)
    assert len(download.url) > 1000
    assert fetch(download) == fetch(download)
    assert site.ranges == [None]


@pytest.mark.parametrize("by_date", [False, True])
def test_a_broken_transfer_goes_on_where_it_stopped(site, cache, by_date):
    if by_date:
        site.etag = 'W/"weak"'
        site.last_modified = "Sun, 24 Apr 2022 10:00:00 GMT"
    site.cut_bytes = 600_000
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert caught.value.why == f"The connection broke after 600,000 of {len(BODY):,} bytes."
    assert "Use the browser." in caught.value.next_step
    assert names(cache) == ["weights.pth.part", "weights.pth.part.json"]
    assert fetch(site.download).read_bytes() == BODY
    assert site.ranges == [None, "bytes=600000-"]
    assert names(cache) == ["weights.pth", "weights.pth.sha256"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(site):
    site.cut_bytes = 600_000
    with pytest.raises(TopformerError):
        fetch(site.download)
    site.body, site.etag = BODY[::-1], '"version 2"'
    assert fetch(site.download).read_bytes() == BODY[::-1]


def test_without_a_version_a_broken_transfer_begins_anew(site):
    site.etag = None
    site.cut_bytes = 600_000
    with pytest.raises(TopformerError):
        fetch(site.download)
    assert fetch(site.download).read_bytes() == BODY
    assert site.ranges == [None, None]


def test_a_complete_part_is_not_fetched_again(site, cache):
    site.cut_bytes = 600_000
    with pytest.raises(TopformerError):
        fetch(site.download)
    (cache / "weights.pth.part").write_bytes(BODY)
    assert fetch(site.download).read_bytes() == BODY
    assert len(site.ranges) == 1


def test_a_part_longer_than_the_file_is_given_up(site, cache):
    site.cut_bytes = 600_000
    with pytest.raises(TopformerError):
        fetch(site.download)
    site.body = BODY[:1000]
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert "416" in caught.value.why
    assert fetch(site.download).read_bytes() == BODY[:1000]


def test_a_different_length_behind_the_same_version_is_refused(site):
    site.cut_bytes = 600_000
    with pytest.raises(TopformerError):
        fetch(site.download)
    site.body = BODY + b"more"
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert "another part" in caught.value.why


@pytest.mark.parametrize("states_length", [True, False], ids=["announced", "endless"])
def test_too_large_a_file_is_refused(site, cache, monkeypatch, states_length):
    monkeypatch.setattr(transfer_module, "SIZE_LIMIT_BYTES", 500_000)
    site.states_length = states_length
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert ("limit" if states_length else "length") in caught.value.why
    assert not (cache / "weights.pth").exists()


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_in_place_of_the_file_is_refused(site, cache, content_type):
    site.content_type = content_type
    site.body = b"\n<!DOCTYPE html><title>Quota exceeded</title>"
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert "web page" in caught.value.why
    assert "Use the browser." in caught.value.next_step
    assert not (cache / "weights.pth").exists()


@pytest.mark.parametrize("length", [60, 0x3C20])
def test_safetensors_whose_length_looks_like_a_tag_are_no_web_page(site, length):
    site.body = length.to_bytes(8, "little") + b"{}".ljust(length)
    assert site.body.lstrip().startswith(b"<")
    assert fetch(site.download).read_bytes() == site.body


def test_a_web_page_does_not_spoil_a_transfer_begun(site):
    site.cut_bytes = 600_000
    with pytest.raises(TopformerError):
        fetch(site.download)
    good, site.content_type = site.content_type, "text/html"
    with pytest.raises(TopformerError):
        fetch(site.download)
    site.content_type = good
    assert fetch(site.download).read_bytes() == BODY
    assert site.ranges[-1] == "bytes=600000-"


def test_a_cached_file_that_changed_is_refused(site, cache):
    path = fetch(site.download)
    path.write_bytes(b"swapped")
    with pytest.raises(TopformerError, match="not the file that was fetched first"):
        fetch(site.download)
    assert not path.exists()


def test_a_file_that_changed_on_the_server_is_refused(site, cache):
    fetch(site.download).unlink()
    site.body = BODY[::-1]
    with pytest.raises(TopformerError, match="not the file that was fetched first") as caught:
        fetch(site.download)
    assert not (cache / "weights.pth").exists()
    assert "weights.pth.sha256" in caught.value.next_step


def test_a_damaged_record_is_an_error(site, cache):
    fetch(site.download)
    (cache / "weights.pth.sha256").write_bytes(b"{")
    with pytest.raises(TopformerError, match="damaged"):
        fetch(site.download)


def test_redirects_are_followed_over_https_only(site):
    site.redirect_to = site.address.replace("weights.pth", "moved")
    assert fetch(site.download).read_bytes() == BODY


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://localhost/x", "not https"),
        ("ftp://localhost/x", "not https"),
        ("file:///etc/passwd", "not allowed"),
        ("https://[x", "IPv6"),
        ("https://a..b/", "label"),
    ],
)
def test_a_redirect_to_anything_else_is_refused(site, target, why):
    site.redirect_to = target
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert why in caught.value.why


def test_a_server_nobody_vouches_for_is_refused(site, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert "certificate" in caught.value.why.lower()


def test_an_error_of_the_server_is_told(site):
    site.status = 404
    with pytest.raises(TopformerError) as caught:
        fetch(site.download)
    assert "404" in caught.value.why


def test_no_connection_says_how_to_get_the_file_by_hand(site):
    download = Download(url="https://localhost:1/x", file_name="x.pth", by_hand="Use the browser.")
    with pytest.raises(TopformerError) as caught:
        fetch(download)
    assert "no connection" in caught.value.why
    assert "Use the browser." in caught.value.next_step


def test_a_file_no_program_can_fetch_says_so(site):
    download = Download(url=None, file_name="x.pth", by_hand="Use the browser.")
    with pytest.raises(TopformerError) as caught:
        fetch(download)
    assert caught.value.next_step == "Use the browser."


def test_a_file_put_into_the_cache_by_hand_is_used_and_recorded(site, cache):
    cache.mkdir()
    (cache / "x.pth").write_bytes(b"by hand")
    download = Download(url=None, file_name="x.pth", by_hand="Use the browser.")
    assert fetch(download).read_bytes() == b"by hand"
    assert names(cache) == ["x.pth", "x.pth.sha256"]


def test_those_who_want_the_same_file_wait_for_each_other(site):
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(fetch(site.download))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 4
    assert site.ranges == [None]


def test_waiting_for_another_process_ends(site, cache, monkeypatch):
    monkeypatch.setattr(fetch_module, "_LOCK_TIMEOUT_S", 0.05)
    cache.mkdir()
    with (
        fetch_module.FileLock(cache / "weights.pth.lock"),
        pytest.raises(TopformerError, match="Another process"),
    ):
        fetch(site.download)


def test_a_cache_that_cannot_be_written_is_an_error(site, cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(TopformerError, match="cannot be written"):
        fetch(site.download)


def test_the_cache_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert cached_path("x.pth") == tmp_path / "topformer" / "weights" / "x.pth"


# Addresses


@pytest.mark.parametrize(
    "url", ["http://example.org/w.pth", "ftp://example.org/w", "file:///w", "https://", "//x/w"]
)
def test_only_https_addresses_are_taken(url):
    with pytest.raises(UsageError, match="cannot be fetched"):
        url_download(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/../../etc/passwd",
        "https://example.org/%2e%2e%2f%2e%2e%2fpasswd",
        "https://example.org/a%00b%0a",
        "https://example.org",
        "https://example.org/" + "x" * 500,
    ],
)
def test_no_address_leaves_the_cache(url):
    name = url_download(url).file_name
    assert Path(name).name == name
    assert name.isprintable()
    assert len(name) < 120


def test_files_of_one_name_from_two_places_are_kept_apart():
    first = url_download("https://example.org/a/weights.pth").file_name
    second = url_download("https://example.org/b/weights.pth").file_name
    assert first != second
    assert first.endswith("-weights.pth")
