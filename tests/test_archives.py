import errno
import io
import zipfile

import pytest

from topformer import archives
from topformer.archives import open_zip
from topformer.errors import TopformerError


def zipped(*names, data=b"x" * 100, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name in names:
            archive.writestr(name, data)
    return stream.getvalue()


def read(data, name="a", **options):
    limits = {"called": "it", "most_bytes": 1000} | options
    with open_zip(io.BytesIO(data), **limits) as archive:
        return archive.read(name)


def test_a_sound_archive_is_read():
    assert read(zipped("a", "b")) == b"x" * 100


def test_members_are_bounded_before_they_are_unpacked():
    bomb = zipped("a", data=bytes(10**6))
    assert len(bomb) < 2000
    with pytest.raises(TopformerError, match="it is too large") as caught:
        read(bomb)
    assert "1,000,000 bytes; the limit is 1,000" in caught.value.why


@pytest.mark.parametrize("block_bytes", [2, 7, 2**20])
def test_members_are_counted_before_they_are_listed(monkeypatch, block_bytes):
    monkeypatch.setattr(archives, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    assert read(zipped("a", "b", "c"))
    with pytest.raises(TopformerError, match="more than 3 members"):
        read(zipped("a", "b", "c", "d"))


def flipped(place):
    data = bytearray(zipped("a", data=bytes(range(256))))
    data[place] ^= 0xFF
    return bytes(data)


# Named, for an archive holds the time it was made at: two processes would give it two names.
DAMAGED = {
    "nothing": b"",
    "no end": b"PK\x05\x06",
    "cut off": zipped("a")[:-10],
    "another member": zipped("b"),
    **{f"flipped at {place}": flipped(place) for place in (30, 34, 40)},
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_of_every_kind_is_one_error(data):
    with pytest.raises(TopformerError, match="it cannot be unpacked"):
        read(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_unpacked_without_bounds_is_refused(method):
    with pytest.raises(TopformerError, match="packed in a way"):
        read(zipped("a", method=method))
    assert read(zipped("a", method=zipfile.ZIP_STORED))


def test_errors_of_ours_and_of_the_disk_pass():
    with (
        pytest.raises(TopformerError, match="mine"),
        open_zip(io.BytesIO(zipped("a")), called="it", most_bytes=1000),
    ):
        raise TopformerError("mine")
    with (
        pytest.raises(OSError, match="full"),
        open_zip(io.BytesIO(zipped("a")), called="it", most_bytes=1000),
    ):
        raise OSError(errno.ENOSPC, "full")
