import errno
import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.manifest_edits import SAMPLE
from topformer.android.aar import _look_into
from topformer.benchmarks.bundle.wheel import unpack_wheel
from topformer.benchmarks.documents.bench import read_bench
from topformer.data.label_files import label_table, open_labels
from topformer.documents import encode_document
from topformer.encodings import decode_text
from topformer.errors import TopformerError
from topformer.files import (
    atomic_path,
    atomic_write,
    ensure_writable,
    ensure_writable_folder,
    fitting_name,
    read_bytes,
    read_text,
    sha256_bytes,
    sha256_file,
)
from topformer.images import read_picture, read_reduced
from topformer.manifest import read_manifest_of
from topformer.signatures import kind_of
from topformer.training.journal import read_log
from topformer.training.recipe import read_recipe
from topformer.weights import load_weights


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


def endless(tmp_path, kind):
    """Make something that blocks, never ends or must stay what it is."""
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "link":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        return Path(kind)
    return path


ENDLESS = ["fifo", "socket", "link", "folder", "/dev/zero", "/dev/null", "/proc/self/pagemap"]
OPENERS = {
    "read_bytes": lambda path: read_bytes(path, limit_bytes=10, kind="manifest"),
    "sha256_file": sha256_file,
    "read_picture": read_picture,
    "read_manifest_of": read_manifest_of,
    "load_weights": lambda path: load_weights(str(path)),
    "read_reduced": read_reduced,
    "open_labels": lambda path: open_labels(path, label_table(range(2)), SAMPLE.classes),
    "kind_of": kind_of,
    "check_aar": _look_into,
    "unpack_wheel": lambda path: unpack_wheel(path, path.parent / "out", version="1.5.1"),
    "read_recipe": read_recipe,
    "read_bench": read_bench,
    "read_log": read_log,
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("opener", OPENERS)
def test_what_may_never_end_is_refused_unread(tmp_path, opener, kind):
    path = endless(tmp_path, kind)
    if opener == "read_manifest_of":
        # Where a manifest can lie beside it.
        link = tmp_path / "model.onnx"
        link.symlink_to(path)
        path = link
        path.with_suffix(".json").write_bytes(encode_document(SAMPLE))
    with pytest.raises(TopformerError) as caught:
        OPENERS[opener](path)
    assert path.name in caught.value.what


@pytest.mark.parametrize(
    ("opener", "limit_bytes"),
    [("sha256_file", 2**32), ("read_picture", 2**29), ("check_aar", 2**29), ("read_bench", 2**26)],
)
def test_a_file_that_is_larger_than_any_real_one_is_refused_unread(tmp_path, opener, limit_bytes):
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, limit_bytes + 1)
    with pytest.raises(TopformerError, match="too large") as caught:
        OPENERS[opener](path)
    assert f"the limit is {limit_bytes:,}" in caught.value.why


def test_a_name_with_a_zero_is_no_file(tmp_path):
    for opener in ("read_bytes", "sha256_file", "read_picture"):
        with pytest.raises(TopformerError, match="cannot be a file's name"):
            OPENERS[opener](tmp_path / "a\0b")


def test_a_fifo_beside_a_manifest_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "model.json")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(TopformerError, match=r"model\.json is not a file"):
        read_manifest_of(tmp_path / "model.onnx")


def test_links_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "old").write_bytes(b"old")
    for name, target in (("link", tmp_path / "old"), ("dangling", tmp_path / "there" / "new")):
        link = tmp_path / name
        link.symlink_to(target)
        atomic_write(link, b"new")
        assert link.is_symlink()
        assert target.read_bytes() == b"new"
        assert not target.is_symlink()


def test_a_fifo_gets_the_result_and_stays(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    data = bytes(range(256)) * 1000  # more than a pipe holds
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    time.sleep(0.5)  # until it has opened the FIFO, which nothing tells
    atomic_write(path, data)
    reader.join(10)
    assert got == [data]
    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]


def test_a_fifo_that_nobody_reads_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(TopformerError, match="Nobody reads"):
        atomic_write(tmp_path / "fifo", b"x")


@pytest.mark.parametrize("name", ["null", "full"])
def test_a_device_gets_the_result_and_stays(tmp_path, name):
    path = tmp_path / name
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, Path(f"/dev/{name}").stat().st_rdev)
        path.open("wb").close()
    except PermissionError:
        path.unlink(missing_ok=True)
        path.symlink_to(f"/dev/{name}")
    ensure_writable(path)
    if name == "full":
        with pytest.raises(OSError, match="No space left") as caught:
            atomic_write(path, b"x")
        assert caught.value.filename == str(path)
    else:
        atomic_write(path, b"x")
    assert path.is_char_device()


@pytest.mark.parametrize("kind", ["folder", "socket"])
def test_what_takes_no_result_is_refused_and_stays(tmp_path, kind):
    path = endless(tmp_path, kind)
    for write in (ensure_writable, lambda path: atomic_write(path, b"x")):
        with pytest.raises(TopformerError, match=f"{kind} cannot be written"):
            write(path)
    assert path.is_dir() == (kind == "folder")
    assert path.is_socket() == (kind == "socket")


@pytest.mark.parametrize(
    "name", ["x" * 300, "file/inside", "loop"], ids=["too long", "inside a file", "link to itself"]
)
def test_places_are_tried_before_the_work_and_named_as_given(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    path = tmp_path / name
    for try_it in (ensure_writable, ensure_writable_folder):
        with pytest.raises(TopformerError, match="cannot be written") as caught:
            try_it(path)
        assert str(path) in caught.value.what
    with pytest.raises(OSError, match=r"too long|Not a directory|symbolic links") as failed:
        atomic_write(path, b"x")
    assert str(failed.value.filename) in {str(path), str(path.parent)}
    assert {entry.name for entry in tmp_path.iterdir()} == {"file", "loop"}


def test_a_write_that_fails_names_the_file_that_was_asked_for(tmp_path):
    def fail(temporary):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))

    path = tmp_path / "result.png"
    with pytest.raises(OSError, match="No space left") as caught, atomic_path(path) as temporary:
        fail(temporary)
    assert caught.value.filename == str(path)
    # But another file that cannot be read meanwhile keeps its own name.
    with pytest.raises(FileNotFoundError) as caught, atomic_path(path):
        (tmp_path / "missing").read_bytes()
    assert caught.value.filename == str(tmp_path / "missing")


def test_tried_places_are_left_as_they_were(tmp_path):
    ensure_writable_folder(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    ensure_writable(tmp_path / "file")
    assert not (tmp_path / "file").exists()


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=300))
def test_any_stem_gives_a_name_that_fits(stem):
    name = fitting_name(stem, ".overlay.png")
    assert len(os.fsencode(name)) <= 255
    assert name.endswith(".overlay.png")
    if len(os.fsencode(stem)) <= 243:
        assert name == f"{stem}.overlay.png"


def test_long_names_that_differ_at_their_ends_stay_apart():
    names = {fitting_name("街" * 200 + ending, ".png") for ending in "ab"}
    assert len(names) == 2
