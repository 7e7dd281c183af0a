import os
import stat

import pytest

from topformer.errors import TopformerError
from topformer.files import atomic_path, atomic_write, read_bytes, sha256_bytes, sha256_file


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
