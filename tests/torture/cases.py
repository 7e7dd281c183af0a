"""The commands that are killed: how they start, what must hold after any kill, and at the end.

They run as typed, with their real writing. What only computes is left out: files are lowered and
proved, and steps taken, in no time.
"""

import functools
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import msgspec
from PIL import Image

from topformer.documents import encode_document
from topformer.files import sha256_bytes
from topformer.manifest import Manifest, read_manifest, read_manifest_of
from topformer.temporary import PREFIX, sweep

PROJECT = Path(__file__).parents[2]
SHIPPED = PROJECT / "android_app/app/src/main/assets/models/topformer-tiny-448x448-xnnpack.pte"
NAME = SHIPPED.name


class Case(Protocol):
    """A command."""

    name: str

    def start(self, root: Path, *, old: bool) -> None:
        """Put into an empty folder what the command needs, and what an earlier one left."""

    def run(self) -> None:
        """Run it in the folder at hand."""

    def check(self, root: Path, *, done: bool) -> None:
        """Fail where something is torn; when `done`, also where not all is new."""


def type_command(*words: str) -> None:
    """Run the command line in this process."""
    from topformer.cli.main import main

    sys.argv = ["topformer", *words]
    main()


def left_over(root: Path) -> list[str]:
    """List all that is ours to sweep."""
    return [str(path.relative_to(root)) for path in root.rglob(f"{PREFIX}*")]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A model and its manifest."""

    model: bytes
    manifest: Manifest

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in self.files(folder).items():
            path.write_bytes(content)

    def files(self, folder: Path) -> dict[Path, bytes]:
        path = folder / NAME
        return {path: self.model, path.with_suffix(".json"): encode_document(self.manifest)}


def pair_of(model: bytes) -> Pair:
    """Describe bytes by the shipped model's manifest."""
    shipped = read_manifest(SHIPPED.with_suffix(".json"))
    file = msgspec.structs.replace(shipped.file, sha256=sha256_bytes(model), size_bytes=len(model))
    return Pair(model=model, manifest=msgspec.structs.replace(shipped, file=file))


def _same(files: dict[Path, bytes]) -> bool:
    return all(path.is_file() and path.read_bytes() == data for path, data in files.items())


def _check_set(new: dict[Path, bytes], old: dict[Path, bytes], *, done: bool) -> None:
    if _same(new):
        return
    assert not done, "the new set is not there"
    there = [path.name for path in new if path.exists()]
    assert _same(old) or not there, f"torn: {there}"


class Export:
    """`export`: a model and its manifest."""

    name = "export"

    def __init__(self, new: Pair, old: Pair) -> None:
        import topformer.cli.export
        import topformer.verbs.export  # noqa: F401 - here, not anew in each fork
        from topformer.export.targets import get_target

        get_target("xnnpack")
        self.new, self.old = new, old

    def start(self, root: Path, *, old: bool) -> None:
        if old:
            self.old.write(root / "out")

    def run(self) -> None:
        from topformer.export import pipeline

        manifest = self.new.manifest
        lowered = SimpleNamespace(data=self.new.model)
        prepared = SimpleNamespace(
            manifest=manifest, fused=None, examples=(None,), picture_size=None, notes=()
        )
        pipeline.prepare = lambda **_: prepared
        pipeline.convert = lambda *_, **options: SimpleNamespace(
            prepared=prepared, precision=pipeline.get_precision("fp32"), network=None
        )
        real = pipeline.get_target
        pipeline.get_target = lambda name: replace(real(name), lower=lambda *_: lowered)
        pipeline.prove_file = lambda *_, **__: manifest.parity
        pipeline._describe_file = lambda **_: manifest
        type_command("export", "--target", "xnnpack", "--out", "out")

    def check(self, root: Path, *, done: bool) -> None:
        path = root / "out" / NAME
        if path.parent.exists() and (done or path.exists()):
            read_manifest_of(path)  # as verify and all others do first
        sweep(path.parent)
        _check_set(self.new.files(path.parent), self.old.files(path.parent), done=done)


class Embed:
    """`app embed`: a model, its manifest and its golden input."""

    name = "app embed"

    def __init__(self, new: Pair, old: Pair) -> None:
        import topformer.cli.app
        import topformer.verbs.app.models  # noqa: F401
        from topformer.android.golden import encode_golden, make_golden

        self.new, self.old = new, old
        self.golden = {
            pair.manifest.file.sha256: encode_golden(make_golden(pair.manifest))
            for pair in (new, old)
        }

    def _files(self, pair: Pair, root: Path) -> dict[Path, bytes]:
        folder = root / "app" / "app/src/main/assets/models"
        golden = self.golden[pair.manifest.file.sha256]
        return pair.files(folder) | {(folder / NAME).with_suffix(".golden"): golden}

    def start(self, root: Path, *, old: bool) -> None:
        self.new.write(root / "given")
        (root / "app").mkdir()
        (root / "app" / "settings.gradle.kts").touch()
        if old:
            for path, data in self._files(self.old, root).items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)

    def run(self) -> None:
        from topformer.android import assets

        # A model of a few bytes cannot be run.
        assets.try_model = lambda *_: None
        type_command("app", "embed", f"given/{NAME}", "--app", "app")

    def check(self, root: Path, *, done: bool) -> None:
        from topformer.android.assets import embedded_models

        problems = [one.problem for one in embedded_models(root / "app")]
        assert problems in ([], [None]), problems
        _check_set(self._files(self.new, root), self._files(self.old, root), done=done)


class Predict:
    """`predict` on two pictures: an overlay and a label picture of each."""

    name = "predict"
    PICTURES = ("a", "b")

    def __init__(self) -> None:
        import topformer.cli.predict
        import topformer.verbs.predict.run  # noqa: F401
        from topformer.runtimes import open_model

        self.model = open_model("tiny", image_size=(64, 64), threads=1)
        self.new: dict[str, bytes] = {}

    def _files(self, picture: str, out: Path) -> tuple[dict[Path, bytes], dict[Path, bytes]]:
        paths = [out / f"{picture}.{kind}.png" for kind in ("overlay", "labels")]
        new = {path: self.new.get(path.name, b"") for path in paths}
        return new, {path: f"old {path.name}".encode() for path in paths}

    def start(self, root: Path, *, old: bool) -> None:
        (root / "pictures").mkdir()
        for name in self.PICTURES:
            Image.new("RGB", (64, 64), (name == "a" and "red") or "blue").save(
                root / "pictures" / f"{name}.png"
            )
            if old:
                (root / "out").mkdir(exist_ok=True)
                for path, data in self._files(name, root / "out")[1].items():
                    path.write_bytes(data)

    def run(self) -> None:
        from topformer.verbs.predict import run as predict

        predict.open_model = lambda *_, **__: self.model
        type_command("predict", "pictures", "--out", "out")

    def check(self, root: Path, *, done: bool) -> None:
        out = root / "out"
        sweep(out)
        if not self.new:  # the first run, which nobody kills, tells what all should give
            self.new = {path.name: path.read_bytes() for path in out.iterdir()}
        for name in self.PICTURES:
            _check_set(*self._files(name, out), done=done)


class Train:
    """`train`: checkpoints, weights and a log; a second run goes on with --resume."""

    name = "train"
    STEPS = 4

    def __init__(self) -> None:
        from torch.utils import tensorboard  # noqa: F401

        import topformer.cli.train
        import topformer.verbs.train.run  # noqa: F401

    def start(self, root: Path, *, old: bool) -> None:
        from support.training_fakes import make_folder

        make_folder(root / "set", train=2, val=1)
        if old:  # a run that was stopped half-way
            shutil.copytree(self._half(root.parent), root / "run")

    @functools.cache  # noqa: B019 - there is one
    def _half(self, folder: Path) -> Path:
        from torture.kills import run_killed

        root = folder / "half"
        root.mkdir()
        self.start(root, old=False)
        ended = run_killed(lambda: self._train("evaluate_every=2", stop_at=1), root=root)
        assert (root / "run/checkpoints/step-00000002").is_dir(), ended.said
        return root / "run"

    def run(self) -> None:
        self._train("evaluate_every=2")

    def _train(self, *fields: str, stop_at: int = -1) -> None:
        import os
        import signal

        from topformer.training import learner, loop, pictures
        from topformer.training.goals.segmentation import SegmentationGoal
        from topformer.training.journal import ScoreRecord

        def step(_learner, number, _batch):
            if number == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            return 1.0

        def perfect(_network, _goal, _place, number):
            return ScoreRecord(step=number, miou=1.0, mean_accuracy=1.0, pixel_accuracy=1.0)

        learner.Learner.step = step
        loop.validate = perfect
        pictures.draw_curves = lambda *_, **__: b"curves"
        pictures.load_weights = lambda *_, **__: SimpleNamespace(model=None)
        SegmentationGoal.draw = lambda *_, **__: b"sheet"
        options = [
            *("workers=0", "crop=[64,96]", "scale=[256,128]", "log_every=1"),
            *("checkpoint_every=2", "keep_checkpoints=1", *fields),
        ]
        type_command(
            *("train", "--dataset", "folder", "--data", "set", "--init", "none", "--resume"),
            *("--iters", str(self.STEPS), "--batch", "2", "--out", "run"),
            *(word for option in options for word in ("--set", option)),
        )

    def check(self, root: Path, *, done: bool) -> None:
        from safetensors import safe_open

        from topformer.training.checkpoints import has_checkpoints, restore
        from topformer.training.journal import read_log
        from topformer.training.recipe import read_recipe

        run = root / "run"
        restored = restore(run)
        assert (restored is not None) == has_checkpoints(run)
        assert restored is None or not restored.passed_over, restored.passed_over
        for path in run.glob("*.safetensors"):
            with safe_open(path, "numpy") as weights:
                assert weights.keys()
        if (run / "recipe.toml").exists():
            read_recipe(run / "recipe.toml")
        records = read_log(run / "log.jsonl")
        if done:
            assert restored.index.step == self.STEPS
            steps = [one.step for one in records if hasattr(one, "loss")]
            assert steps == list(range(1, self.STEPS + 1)), steps
            for name in ("best.safetensors", "last.safetensors", "curves.png", "predictions.png"):
                assert (run / name).is_file(), name


def all_cases(model: bytes) -> list[Callable[[], Case]]:
    """Makers of every case, for which `model` is exported and embedded."""
    new, old = pair_of(model), pair_of(model + b"\0")
    return [
        functools.partial(Export, new, old),
        functools.partial(Embed, new, old),
        Train,
        Predict,
    ]
