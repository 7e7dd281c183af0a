"""Addresses in place of files: named as they were given, refused in a sentence or fetched."""

import urllib.request
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

import topformer
from support.command import run_command
from topformer.cli.main import ADDRESS_OPTIONS, build_command
from topformer.errors import TopformerError, UsageError
from topformer.files import is_address
from topformer.weights.fetch import url_download

REFUSED = [
    ("http://example.org/a.pth", "Only https", "https:// in place of http://"),
    ("HTTP://EXAMPLE.ORG/a.pth", "Only https", "https:// in place of http://"),
    ("ftp://example.org/a.pth", "Only https", "by other means"),
    ("file:///home/me/a.pth", "on this machine", "without file://"),
    ("https://user:secret@example.org/a", "user name", "by other means"),
    ("https://@example.org/a", "user name", "by other means"),
    ("https://example.org:99999/a", "no address", "mistyped"),
    ("https://example.org:port/a", "no address", "mistyped"),
    ("https://[::1/a", "no address", "mistyped"),
    ("https://]/a", "no address", "mistyped"),
    ("https://\N{ACCOUNT OF}.org/a", "no address", "mistyped"),
    (f"https://{'a' * 70}.org/a", "no address", "mistyped"),
    ("https://a..org/a", "no address", "mistyped"),
    ("https:///a", "no host", "HOST"),
    ("https:/example.org/a", "no host", "HOST"),
    ("https://?a", "no host", "HOST"),
    ("https://example.org/a b", "blanks", "%20"),
    (" https://example.org/a", "blanks", "%20"),
    ("https://example.org/a\x1b[2J", "no address has", ""),
    ("https://example.org/\udcff", "no address has", ""),
    ("https://example.org/" + "a" * 2000, "2,020 characters", "by other means"),
]
PICTURE = Path(topformer.__file__).parent / "pictures/street.png"
VERBS = (["predict", PICTURE, "--model"], ["export", "--weights"], ["inspect"])


@pytest.mark.parametrize(("address", "why", "next_step"), REFUSED)
def test_an_address_that_is_not_fetched_is_named_as_given(address, why, next_step):
    with pytest.raises(UsageError) as refused:
        url_download(address)
    error = refused.value
    assert error.what == f"{address} cannot be fetched." or (
        len(address) > 200 and error.what == f"{address[:200]}... cannot be fetched."
    )
    assert why in error.why
    assert next_step in error.next_step


@pytest.mark.parametrize("address", ["http://example.org/a.pth", "https://[::1/a", "https:/x"])
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_verbs_tell_so(verb, address):
    done = run_command(*verb, address)
    assert done.returncode == 2
    assert f"error: {address} cannot be fetched." in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "predict {}",
        "verify {}",
        "compare none.json {}",
        "bench --gate {}",
        "bench --gate={}",
        "bench --runner {}",
        "data check {} --dataset camvid",
        "train --dataset folder --data {}",
        "train --dataset folder --recipe={}",
        "app embed {}",
        "export --images {}",
        "export --out {}",
    ],
)
def test_an_address_in_place_of_a_path_is_named_as_given(words):
    address = "https://example.org/a//b.png"
    done = run_command(*words.format(address).split())
    assert done.returncode == 2
    assert f"error: {address} cannot be used." in done.stderr
    assert "Download it" in done.stderr


@pytest.mark.parametrize("words", ["inspect {}", "bench --model {}"])
def test_an_exported_file_is_not_fetched(words):
    address = "https://example.org/a.pte"
    done = run_command(*words.format(address).split())
    assert done.returncode == 2
    assert f"error: {address} cannot be used." in done.stderr
    assert "with the .json beside it" in done.stderr


def test_options_that_take_addresses_are_those_of_weights():
    takers = {
        (verb, option)
        for verb, command in get_command(build_command()).commands.items()
        for one in command.params
        for option in one.opts
        if option in ADDRESS_OPTIONS
    }
    assert {verb for verb, _ in takers} == {
        "bench",
        "eval",
        "export",
        "predict",
        "report",
        "sensitivity",
        "train",
        "verify",
    }
    assert {option for _, option in takers} == ADDRESS_OPTIONS


def test_what_could_not_be_fetched_is_named_as_given(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    address = (
        "https://m\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen.example/a\u00e9.pth?k=%20\u00e9"
    )
    done = run_command("inspect", address)
    assert done.returncode == 1
    assert f"error: {address} could not be fetched." in done.stderr


@given(
    st.text(max_size=30).map("https://".__add__)
    | st.text(alphabet="[]:@/?#%.ax1\u00e9\x00 ", max_size=20).map("https://".__add__)
)
def test_any_address_is_refused_or_can_be_sent(address):
    assert is_address(address)
    try:
        url = url_download(address).url
    except TopformerError:
        return
    assert url.isascii()
    assert urllib.request.Request(url).host
