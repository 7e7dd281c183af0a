import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.errors import TopformerError
from topformer.files import (
    atomic_path,
    atomic_write,
    decode_text,
    read_bytes,
    read_text,
    sha256_bytes,
    sha256_file,
)


def test_a_write_is_whole_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "new" / "file.bin"
    atomic_write(path, b"first")
    atomic_write(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file_and_removes_the_new(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_obey_the_umask(tmp_path):
    previous = os.umask(0o027)
    try:
        atomic_write(tmp_path / "file", b"")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_too_large_a_file_is_refused_unread(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"x" * 11)
    with pytest.raises(TopformerError, match="too large to be a manifest") as caught:
        read_bytes(path, limit_bytes=10, kind="manifest")
    assert "11" in caught.value.why


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_one_clear_error(tmp_path, name):
    with pytest.raises(TopformerError):
        read_bytes(tmp_path / name, limit_bytes=10, kind="manifest")


def test_hashes_agree(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert sha256_file(path) == sha256_bytes(b"abc")
    assert sha256_bytes(b"abc").startswith("ba7816bf")


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
def test_utf8_is_read_with_a_byte_order_mark_and_without(text):
    for encoding in ("utf-8", "utf-8-sig"):
        assert decode_text(text.encode(encoding), "x") == text


@pytest.mark.parametrize("text", ['{"classes": ["Stra\u00dfe"]}', "batch = 2", "\n", "\u5929 a"])
@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("bits", [16, 32])
def test_wide_encodings_are_named_by_their_mark(tmp_path, text, order, bits):
    path = tmp_path / "text"
    path.write_bytes(f"\ufeff{text}".encode(f"utf-{bits}-{order}"))
    with pytest.raises(TopformerError) as caught:
        read_text(path, limit_bytes=100, kind="text")
    assert str(path) in caught.value.what
    word = {"le": "little", "be": "big"}[order]
    assert f"UTF-{bits} ({word}-endian)" in caught.value.why
    assert "utf8" in caught.value.next_step


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named_without_a_mark(encoding):
    with pytest.raises(TopformerError) as caught:
        decode_text("batch = 2".encode(encoding), "x")
    assert encoding[:6].upper() in caught.value.why


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("# a\n# b\nname = Stra\u00dfe\n", "latin-1", ["Line 3", "0xDF", "Latin-1"]),
        ("caf\u00e9", "cp1252", ["Line 1", "0xE9", "Latin-1"]),
        ("a\n\u5929\u7a7a", "gbk", ["Line 2", "GBK"]),
        ("\u0434\u043e\u0440\u043e\u0433\u0430", "cp1251", ["Line 1", "Windows-1251"]),
    ],
)
def test_other_encodings_are_named_with_the_line(text, encoding, said):
    with pytest.raises(TopformerError, match="is not UTF-8") as caught:
        decode_text(text.encode(encoding), "x")
    assert all(word in caught.value.why for word in said)
