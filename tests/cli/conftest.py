"""The whole command, run in this process."""

import sys

import pytest

from topformer.cli.main import main
from topformer.console.screen import stderr


@pytest.fixture
def run_main(monkeypatch, capsys):
    """Run a command line on the streams that pytest reads; returns status and stderr."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["topformer", *words])
        monkeypatch.setattr("topformer.cli.main.prepare_streams", lambda as_json: None)
        stderr.cache_clear()
        with pytest.raises(SystemExit) as ended:
            main()
        stderr.cache_clear()
        return ended.value.code, capsys.readouterr().err

    return run
