"""ExecuTorch's Android archive is taken for what it is by its hash, version and content alone."""

import tomllib
import zipfile
from pathlib import Path

import pytest

from topformer.android.aar import CLASS, HEARSAY_SHA256, archive_name, check_aar
from topformer.android.catalogue import read_versions
from topformer.errors import TopformerError, UsageError
from topformer.files import sha256_file

ANDROID_APP = Path(__file__).parents[2] / "android_app"
ABIS = ("arm64-v8a", "x86_64")
LIBRARIES = tuple(f"jni/{abi}/libexecutorch.so" for abi in ABIS)


@pytest.fixture
def archive(tmp_path):
    """Return a function that writes an archive with the wanted entries."""

    def write(name="executorch.aar", *, classes=(CLASS,), entries=LIBRARIES):
        jar = tmp_path / "classes.jar"
        with zipfile.ZipFile(jar, "w") as inner:
            for entry in classes:
                inner.writestr(entry, b"")
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as outer:
            outer.write(jar, "classes.jar")
            for entry in entries:
                outer.writestr(entry, b"")
        return path

    return write


def test_one_whose_hash_is_passed_is_taken(archive):
    path = archive()
    checked = check_aar(path, version="1.5.1", sha256=sha256_file(path).upper())
    assert (checked.path, checked.sha256, checked.abis) == (path, sha256_file(path), ABIS)


@pytest.mark.parametrize(
    ("version", "heard"),
    [("1.5.1", "names the same"), ("1.5.2", "names another, 0000"), ("9.9.9", "No other source")],
)
def test_one_that_nobody_confirms_is_told_with_its_hash(archive, monkeypatch, version, heard):
    path = archive()
    monkeypatch.setitem(HEARSAY_SHA256, "1.5.1", sha256_file(path))
    monkeypatch.setitem(HEARSAY_SHA256, "1.5.2", "0" * 64)
    with pytest.raises(UsageError, match="Nobody has confirmed") as raised:
        check_aar(path, version=version, sha256=None)
    assert sha256_file(path) in raised.value.why
    assert heard in raised.value.why
    assert archive_name(version) in raised.value.next_step
    assert f"--aar-sha256 {sha256_file(path)}" in raised.value.next_step


def test_another_hash_is_refused_with_both(archive):
    path = archive()
    with pytest.raises(TopformerError, match=r"not the archive of ExecuTorch 1\.5\.1") as raised:
        check_aar(path, version="1.5.1", sha256="0" * 64)
    assert sha256_file(path) in raised.value.why
    assert "0" * 64 in raised.value.why


def test_one_that_is_named_after_another_version_is_refused_whatever_its_hash(archive):
    path = archive("executorch-android-1.4.0.aar")
    with pytest.raises(TopformerError, match=r"is ExecuTorch 1\.4\.0"):
        check_aar(path, version="1.5.1", sha256=sha256_file(path))


@pytest.mark.parametrize(
    ("content", "why"),
    [({"classes": ()}, "Module.class"), ({"entries": ()}, "libexecutorch.so")],
)
def test_an_archive_of_something_else_is_refused(archive, content, why):
    path = archive(**content)
    with pytest.raises(TopformerError, match="is not ExecuTorch") as raised:
        check_aar(path, version="1.5.1", sha256=sha256_file(path))
    assert why in raised.value.why


def test_no_archive_at_all(tmp_path):
    path = tmp_path / "executorch.aar"
    with pytest.raises(UsageError, match="There is no archive"):
        check_aar(path, version="1.5.1", sha256=None)
    path.write_bytes(b"PK")
    with pytest.raises(TopformerError, match="cannot be unpacked"):
        check_aar(path, version="1.5.1", sha256=sha256_file(path))


def test_something_is_heard_of_the_version_that_the_app_names():
    versions = read_versions(ANDROID_APP)
    assert versions["executorch"] in HEARSAY_SHA256
    catalogue = tomllib.loads((ANDROID_APP / "gradle/libs.versions.toml").read_text())
    assert catalogue["libraries"]["executorch"]["module"] in archive_name(versions["executorch"])
