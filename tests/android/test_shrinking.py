"""The rules by which R8 shrinks the app are needed: without them native code finds no class."""

import pytest

from apk import shrinking
from apk.inspection import classes_of_native_code, defined_classes
from apk.jars import library_jars
from apk.layout import RUNTIME, TARGET, read_app_facts

JARS = tuple(TARGET / f"jars/{module}.jar" for module in ("core", "segmenter", "app"))


@pytest.fixture
def lost(app_build, tmp_path, monkeypatch):
    """Return a function that shrinks by rules, and says what native code then looks for in vain."""
    own = [app_build(jar) for jar in JARS]
    native = [path.read_bytes() for path in RUNTIME.glob("jni/*/*.so")]

    def shrink(rules):
        monkeypatch.setattr(shrinking, "RULES", rules)
        monkeypatch.setattr(shrinking, "DEX", tmp_path / "dex")
        dex = shrinking.shrink(read_app_facts(), [*own, *library_jars()])
        defined = set().union(*(defined_classes(path.read_bytes()) for path in dex))
        assert "io/topformer/demo/MainActivity" in defined
        return classes_of_native_code(native) - defined

    return shrink


@pytest.mark.slow
def test_without_the_apps_own_rules_native_code_finds_no_class(lost):
    found = lost(shrinking.RULES[1:])
    assert found > {"org/pytorch/executorch/EValue", "org/pytorch/executorch/Tensor"}
