"""`topformer bench --via app`: which options fit, and which rows come of them."""

import pytest
from typer.testing import CliRunner

from topformer.android.assets import MODELS_FOLDER, embed_model
from topformer.cli.main import build_command
from topformer.errors import UsageError
from topformer.verbs.bench.app import plan_app
from topformer.verbs.bench.choice import BenchChoice


def choice(*models, threads=(1,)):
    return BenchChoice(
        device="adb", via="app", models=tuple(map(str, models)), variant=None, runtimes=(),
        threads=threads, mode="quick", image_size=None,
    )  # fmt: skip


@pytest.fixture
def found_app(app, monkeypatch):
    """Let the app of the checkout be one without models."""
    monkeypatch.setattr("topformer.verbs.bench.app.find_app", lambda folder: folder or app)
    return app


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--device", "adb", "--via", "gradle"], "no way 'gradle'"),
        (["--via", "app"], "--via app is for --device adb"),
        (["--device", "ssh:pi", "--via", "app"], "--via app is for --device adb"),
        (["--device", "adb", "--via", "app", "--cores", "big"], "--cores is not for --via app"),
        (["--device", "adb", "--via", "app", "--size", "base"], "--size is not for --via app"),
        (["--device", "adb", "--via", "app", "--runtime", "torch"], "--runtime is not for"),
        (["--device", "adb", "--via", "app", "--runner", "."], "--runner is not for"),
        (["--device", "adb", "--via", "app", "--picture", "9x9"], "--picture is not for"),
        (["--device", "adb", "--via", "app", "--task", "detection"], "--task is not for"),
        (["--device", "adb", "--via", "app", "--mode", "slow"], "no bench mode"),
    ],
)
def test_options_that_do_not_fit(options, what):
    error = CliRunner().invoke(build_command(), ["bench", *options]).exception
    assert isinstance(error, UsageError)
    assert what in error.what


def test_all_models_in_the_app_are_measured_unless_some_are_named(model, found_app):
    embed_model(model, found_app)
    in_app = found_app / MODELS_FOLDER / model.name
    every = plan_app(choice(threads=(1, 4)))
    assert [(row.name, row.source, row.threads) for row in every] == [
        ("app, 1 thread", str(in_app), 1),
        ("app, 4 threads", str(in_app), 4),
    ]
    assert [row.source for row in plan_app(choice(model.stem))] == [str(in_app)]
    assert [row.source for row in plan_app(choice(model))] == [str(model)]


def test_a_name_that_is_not_in_the_app(model, found_app):
    with pytest.raises(UsageError, match="No model is in the app"):
        plan_app(choice())
    embed_model(model, found_app)
    with pytest.raises(UsageError, match="No model called 'other'") as raised:
        plan_app(choice("other"))
    assert model.stem in raised.value.next_step


def test_the_way_is_handed_on_to_the_bench_of_each_of_several_devices():
    asked = choice("caf\udce9.pte")
    assert BenchChoice.decoded(asked.encoded()) == asked
