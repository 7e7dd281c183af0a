import subprocess
import sys

import msgspec
import pytest

from topformer.cli.models import models
from topformer.verbs.models import ModelsDocument
from topformer.weights.catalogue import PUBLISHED

pytestmark = pytest.mark.slow


def test_names_on_stdout_and_tables_beside(capsys):
    models(as_json=False)
    printed = capsys.readouterr()
    published = [entry.name for entry in PUBLISHED]
    assert printed.out.splitlines() == ["tiny", "small", "base", *published]
    for shown in ("1,389,654", "408,363,648", "534,110,208", "39.2 % mIoU", "75.3 % top-1"):
        assert shown in printed.err
    assert "no licence stated for the weights" in " ".join(printed.err.split())
    for entry in PUBLISHED:
        assert f"{entry.name}: {entry.page_url}" in printed.err


def test_the_document_holds_the_same(capsys):
    models(as_json=True)
    printed = capsys.readouterr()
    assert not printed.err
    document = msgspec.json.decode(printed.out, type=ModelsDocument)
    assert [(row.name, row.parameters) for row in document.variants] == [
        ("tiny", 1_389_654),
        ("small", 3_034_662),
        ("base", 5_062_646),
    ]
    detectors = {(row.head, row.variant): row for row in document.detectors}
    assert len(detectors) == 6
    assert detectors["retinanet", "base"].parameters == 14_569_044
    assert detectors["lite", "tiny"].macs_448 <= 1.2e9
    assert [(row.macs_448, row.macs_512) for row in document.variants] == [
        (408_363_648, 534_110_208),
        (850_756_032, 1_112_297_472),
        (1_340_401_664, 1_752_203_264),
    ]
    assert len(document.checkpoints) == 11
    assert {row.task for row in document.checkpoints} == {"semantic-segmentation", "classification"}


def test_what_is_in_the_cache_is_shown(capsys, monkeypatch, tmp_path):
    (tmp_path / f"{PUBLISHED[3].name}.pth").touch()
    monkeypatch.setattr("topformer.verbs.models.cached_path", lambda name: tmp_path / name)
    models(as_json=True)
    document = msgspec.json.decode(capsys.readouterr().out, type=ModelsDocument)
    assert [row.name for row in document.checkpoints if row.cached] == [PUBLISHED[3].name]


def test_the_verb_is_light_to_import():
    heavy = "{'torch', 'numpy', 'safetensors', 'urllib.request', 'platformdirs'}"
    script = f"import sys, topformer.cli.models; print({heavy} & set(sys.modules) or 'light')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "light"
