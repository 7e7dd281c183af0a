"""`topformer app` as a user types it."""

import json
import shutil
import zipfile

import jsonschema
import msgspec
import pytest
from typer.testing import CliRunner

from topformer.android.gradle import APK
from topformer.cli.main import build_command
from topformer.errors import TopformerError, UsageError
from topformer.files import sha256_file
from topformer.verbs.app.document import AppBuildDocument, AppDeviceDocument, AppModelsDocument

runner = CliRunner()


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
    return runner.invoke(build_command(), ["app", *map(str, arguments)])


def document(result, kind, name):
    """Parse stdout as exactly one document that the printed schema accepts."""
    schema = json.loads(runner.invoke(build_command(), ["schema", name]).output)
    jsonschema.validate(json.loads(result.stdout), schema)
    return msgspec.json.decode(result.stdout, type=kind)


def test_embed_tells_the_licence_and_announces_random_weights(model, app):
    result = invoke("embed", model, "--app", app)
    assert result.exit_code == 0, result.output
    in_app = app / "app/src/main/assets/models" / model.name
    assert result.stdout == f"{in_app}\n"
    assert in_app.read_bytes() == model.read_bytes()
    (licence, announced) = result.stderr.splitlines()
    assert licence.startswith("licence of the weights: ")
    assert announced.startswith("warning: these are RANDOM weights")


def test_list_and_remove(model, app):
    assert "topformer app embed FILE" in invoke("list", "--app", app).stderr
    invoke("embed", model, "--app", app)
    result = invoke("list", "--app", app)
    assert result.stdout == f"{model.stem}\n"
    assert "64x96" in result.stderr
    assert "RANDOM" in result.stderr
    assert "licence" in result.stderr
    assert invoke("remove", model.stem, "--app", app).stdout == f"{model.stem}\n"
    assert invoke("list", "--app", app).stdout == ""


def test_json_holds_what_is_in_the_app(model, app):
    embedded = invoke("embed", model, "--app", app, "--json")
    listed = invoke("list", "--app", app, "--json")
    assert embedded.stdout == listed.stdout
    (entry,) = document(listed, AppModelsDocument, "app-models").models
    assert (entry.name, entry.problem, entry.image_size) == (model.stem, None, (64, 96))
    removed = invoke("remove", model.stem, "--app", app, "--json")
    assert document(removed, AppModelsDocument, "app-models").models == ()


def test_a_damaged_model_is_told_and_not_built_in(model, app):
    invoke("embed", model, "--app", app)
    in_app = app / "app/src/main/assets/models" / model.name
    in_app.write_bytes(b"damaged")
    result = invoke("list", "--app", app)
    assert result.exit_code == 1
    assert "not the file its manifest describes" in result.stderr
    error = invoke("build", "--app", app).exception
    assert isinstance(error, TopformerError)
    assert f"topformer app remove {model.stem}" in error.next_step


def test_build(model, app, programs):
    invoke("embed", model, "--app", app)
    programs(
        javac="echo javac 17.0.15",
        gradle=f"mkdir -p {app}/{APK.parent}; echo apk > {app}/{APK}",
    )
    assert invoke("build", "--app", app).stdout == f"{app / APK}\n"
    built = document(invoke("build", "--app", app, "--json"), AppBuildDocument, "app-build")
    assert (built.size_bytes, built.models) == (4, (model.stem,))


def test_a_build_without_models_is_warned_of(app, programs):
    programs(javac="echo javac 17", gradle=f"mkdir -p {app}/{APK.parent}; : > {app}/{APK}")
    result = invoke("build", "--app", app)
    assert result.exit_code == 0
    assert "no model is in the app" in result.stderr


PIPELINE = """
import pathlib
pathlib.Path("target").mkdir(exist_ok=True)
pathlib.Path("target/topformer-demo.apk").write_bytes(b"apk")
"""


@pytest.fixture
def pipeline(app, programs):
    """Let the app's folder hold a build without an SDK, and its programs be there."""
    (app / "verify" / "apk").mkdir(parents=True)
    (app / "verify" / "apk" / "__main__.py").write_text(PIPELINE)
    tools = ("aapt2", "zipalign", "apksigner", "mvn", "npm")
    programs(javac="echo javac 17", **dict.fromkeys(tools, ""))


def test_a_build_without_an_sdk_says_that_its_library_is_a_stand_in(model, app, pipeline, tmp_path):
    invoke("embed", model, "--app", app)
    out = tmp_path / "out.apk"
    said = invoke("build", "--sdk-free", out, "--app", app)
    assert (said.exit_code, said.stdout, out.read_bytes()) == (0, f"{out}\n", b"apk")
    assert "stand-in" in said.stderr
    printed = invoke("build", "--sdk-free", out, "--app", app, "--json")
    built = document(printed, AppBuildDocument, "app-build")
    assert (built.models, built.size_bytes) == ((model.stem,), 3)
    assert (built.runtime.source, built.runtime.version) == ("stand-in", None)
    assert "not for a phone" in built.runtime.note


def test_a_build_with_executorchs_own_archive(app, pipeline, tmp_path):
    aar = tmp_path / "executorch.aar"
    with zipfile.ZipFile(tmp_path / "classes.jar", "w") as classes:
        classes.writestr("org/pytorch/executorch/Module.class", b"")
    with zipfile.ZipFile(aar, "w") as archive:
        archive.write(tmp_path / "classes.jar", "classes.jar")
        archive.writestr("jni/arm64-v8a/libexecutorch.so", b"")
    build = ("build", "--sdk-free", tmp_path / "out.apk", "--app", app, "--aar", aar)
    assert f"--aar-sha256 {sha256_file(aar)}" in str(invoke(*build).exception)
    said = invoke(*build, "--aar-sha256", sha256_file(aar))
    assert "ExecuTorch 1.5.1" in said.stderr
    assert "stand-in" not in said.stderr
    printed = invoke(*build, "--aar-sha256", sha256_file(aar), "--json")
    runtime = document(printed, AppBuildDocument, "app-build").runtime
    assert (runtime.source, runtime.version, runtime.note) == ("aar", "1.5.1", "")
    assert runtime.sha256 == sha256_file(aar)


@pytest.mark.parametrize(
    "options",
    [["--aar", "a.aar"], ["--sdk-free", "a.zip"], ["--sdk-free", "a.apk", "--aar-sha256", "0"]],
)
def test_options_of_a_build_that_do_not_fit(app, options):
    assert isinstance(invoke("build", "--app", app, *options).exception, UsageError)


ADB = r"""
[ "$1" = version ] && exec echo "Android Debug Bridge version 1.0.41"
[ "$1" = devices ] && printf 'List of devices attached\nA1 device\n' && exit
[ "$3" = install ] && exec echo Success
marker=$(printf %s "$*" | grep -oE '[0-9a-f]{16} %d' | head -c 16)
printf 'Status: ok\n\n%s 0\n' "$marker"
"""


def test_install_and_run(app, programs):
    programs(adb=ADB)
    (app / APK).parent.mkdir(parents=True)
    (app / APK).touch()
    assert invoke("install", "--app", app).stdout == "A1: installed\n"
    installed = invoke("install", "--apk", app / APK, "--json")
    done = document(installed, AppDeviceDocument, "app-device")
    assert (done.done, done.serial, done.package) == ("installed", "A1", "io.topformer.demo")
    assert invoke("run", "--serial", "A1").stdout == "A1: started\n"
    assert document(invoke("run", "--json"), AppDeviceDocument, "app-device").done == "started"


def test_install_before_build_names_the_next_command(app, programs):
    programs(adb=ADB)
    error = invoke("install", "--app", app).exception
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
