"""`topformer app` as a user types it."""

import json
import shutil

import jsonschema
import msgspec
import pytest
from typer.testing import CliRunner

from topformer.android.gradle import APK
from topformer.cli.app_document import AppBuildDocument, AppDeviceDocument, AppModelsDocument
from topformer.cli.main import build_app
from topformer.errors import TopformerError, UsageError
from topformer.export import export_model

runner = CliRunner()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    exported = export_model(
        weights="random",
        size="tiny",
        targets=["xnnpack"],
        image_size=(64, 64),
        out_dir=tmp_path_factory.mktemp("exported"),
    )
    return exported.files[0].path


@pytest.fixture
def folder(tmp_path):
    """Return the app's folder."""
    path = tmp_path / "android_app"
    (path / "gradle").mkdir(parents=True)
    (path / "settings.gradle.kts").touch()
    (path / "gradle" / "libs.versions.toml").write_text('[versions]\njdk = "17"\n')
    return path


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put scripts on the PATH, and an SDK beside them."""

    def install(**scripts: str) -> None:
        for name, script in scripts.items():
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
        monkeypatch.setenv("ADB", str(tmp_path / "adb"))
        for name in ("JAVA_HOME", "ANDROID_SDK_ROOT", "ANDROID_SERIAL"):
            monkeypatch.delenv(name, raising=False)

    return install


def invoke(*arguments):
    return runner.invoke(build_app(), ["app", *map(str, arguments)])


def document(result, kind, name):
    """Parse stdout as exactly one document that the printed schema accepts."""
    schema = json.loads(runner.invoke(build_app(), ["schema", name]).output)
    jsonschema.validate(json.loads(result.stdout), schema)
    return msgspec.json.decode(result.stdout, type=kind)


def test_embed_tells_the_licence_and_announces_random_weights(model, folder):
    result = invoke("embed", model, "--app", folder)
    assert result.exit_code == 0, result.output
    in_app = folder / "app/src/main/assets/models" / model.name
    assert result.stdout == f"{in_app}\n"
    assert in_app.read_bytes() == model.read_bytes()
    (licence, announced) = result.stderr.splitlines()
    assert licence.startswith("licence of the weights: ")
    assert announced.startswith("warning: these are RANDOM weights")


def test_list_and_remove(model, folder):
    assert "topformer app embed FILE" in invoke("list", "--app", folder).stderr
    invoke("embed", model, "--app", folder)
    result = invoke("list", "--app", folder)
    assert result.stdout == f"{model.stem}\n"
    assert "64x64" in result.stderr
    assert "RANDOM" in result.stderr
    assert "licence" in result.stderr
    assert invoke("remove", model.stem, "--app", folder).stdout == f"{model.stem}\n"
    assert invoke("list", "--app", folder).stdout == ""


def test_json_holds_what_is_in_the_app(model, folder):
    embedded = invoke("embed", model, "--app", folder, "--json")
    listed = invoke("list", "--app", folder, "--json")
    assert embedded.stdout == listed.stdout
    (entry,) = document(listed, AppModelsDocument, "app-models").models
    assert (entry.name, entry.problem, entry.image_size) == (model.stem, None, (64, 64))
    removed = invoke("remove", model.stem, "--app", folder, "--json")
    assert document(removed, AppModelsDocument, "app-models").models == ()


def test_a_damaged_model_is_told_and_not_built_in(model, folder):
    invoke("embed", model, "--app", folder)
    in_app = folder / "app/src/main/assets/models" / model.name
    in_app.write_bytes(b"damaged")
    result = invoke("list", "--app", folder)
    assert result.exit_code == 1
    assert "not the file its manifest describes" in result.stderr
    error = invoke("build", "--app", folder).exception
    assert isinstance(error, TopformerError)
    assert f"topformer app remove {model.stem}" in error.next_step


def test_build(model, folder, programs):
    invoke("embed", model, "--app", folder)
    programs(
        javac="echo javac 17.0.15",
        gradle=f"mkdir -p {folder}/{APK.parent}; echo apk > {folder}/{APK}",
    )
    assert invoke("build", "--app", folder).stdout == f"{folder / APK}\n"
    built = document(invoke("build", "--app", folder, "--json"), AppBuildDocument, "app-build")
    assert (built.size_bytes, built.models) == (4, (model.stem,))


def test_a_build_without_models_is_warned_of(folder, programs):
    programs(javac="echo javac 17", gradle=f"mkdir -p {folder}/{APK.parent}; : > {folder}/{APK}")
    result = invoke("build", "--app", folder)
    assert result.exit_code == 0
    assert "no model is in the app" in result.stderr


ADB = r"""
[ "$1" = version ] && exec echo "Android Debug Bridge version 1.0.41"
[ "$1" = devices ] && printf 'List of devices attached\nA1 device\n' && exit
[ "$3" = install ] && exec echo Success
marker=$(printf %s "$*" | grep -oE '[0-9a-f]{16} %d' | head -c 16)
printf 'Status: ok\n\n%s 0\n' "$marker"
"""


def test_install_and_run(folder, programs):
    programs(adb=ADB)
    (folder / APK).parent.mkdir(parents=True)
    (folder / APK).touch()
    assert invoke("install", "--app", folder).stdout == "A1: installed\n"
    installed = invoke("install", "--apk", folder / APK, "--json")
    done = document(installed, AppDeviceDocument, "app-device")
    assert (done.done, done.serial, done.package) == ("installed", "A1", "io.topformer.demo")
    assert invoke("run", "--serial", "A1").stdout == "A1: started\n"
    assert document(invoke("run", "--json"), AppDeviceDocument, "app-device").done == "started"


def test_install_before_build_names_the_next_command(folder, programs):
    programs(adb=ADB)
    error = invoke("install", "--app", folder).exception
    assert isinstance(error, UsageError)
    assert "topformer app build" in error.next_step


def test_no_device_is_an_error(programs):
    programs(adb=ADB.replace(r"\nA1 device\n", r"\n"))
    error = invoke("run").exception
    assert isinstance(error, TopformerError)
    assert "adb sees no device" in error.what


def test_no_adb_is_an_error(programs, tmp_path):
    programs()
    assert not shutil.which(str(tmp_path / "adb"))
    error = invoke("run").exception
    assert isinstance(error, TopformerError)
    assert "platform-tools" in error.next_step


@pytest.mark.parametrize("verb", ["embed", "list", "remove", "build", "install", "run"])
def test_every_verb_has_help_with_an_example_and_json(verb):
    said = invoke(verb, "--help").output
    assert f"topformer app {verb}" in said
    assert "--json" in said


def test_outside_of_a_checkout_the_app_must_be_named(tmp_path, monkeypatch):
    monkeypatch.setattr("topformer.android.assets.__file__", str(tmp_path / "a" / "b" / "c.py"))
    error = invoke("list").exception
    assert isinstance(error, UsageError)
    assert "--app" in error.next_step
