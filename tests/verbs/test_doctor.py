"""What a runtime's process may do without harm to the doctor."""

import sys

import pytest

from topformer.verbs.doctor import _runtime


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("printf '\\377 broken\\n' >&2; exit 3", "\N{REPLACEMENT CHARACTER} broken"),
        ("exit 3", "exit 3"),
        ("exec yes", "printed without end"),
    ],
)
def test_a_runtime_that_misbehaves_has_failed(tmp_path, monkeypatch, script, detail):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    check = _runtime("torch")
    assert (check.state, check.detail) == ("failed", detail)
    assert "new environment" in check.remedy
