"""The models inside the app: NAME.pte, NAME.json and NAME.golden in its assets, put in whole.

An embedded model is what these files say and nothing else: no list is kept beside them.
"""

import re
import shutil
from pathlib import Path

from topformer.android.golden import GoldenFormatError, decode_golden, encode_golden, make_golden
from topformer.documents import Document, ShortText, encode_document
from topformer.errors import TopformerError, UsageError
from topformer.files import read_bytes
from topformer.interrupts import ctrl_c_held
from topformer.locks import only_run_in
from topformer.manifest import FileInfo, Manifest, WeightsInfo, check_file, read_manifest_of
from topformer.runtimes import try_model
from topformer.sets import atomic_set
from topformer.temporary import sweep

MODELS_FOLDER = Path("app", "src", "main", "assets", "models")
SUFFIXES = (".pte", ".json", ".golden")
# The largest that its header allows, and a bit.
GOLDEN_LIMIT_BYTES = 64 * 2**20
# Android's packager leaves out hidden files and those of editors.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class EmbeddedModel(Document, frozen=True, kw_only=True):
    """A model in the app, and whether its three files belong together."""

    name: ShortText
    # Null when it is whole; then what follows is not.
    problem: str | None
    file: FileInfo | None
    weights: WeightsInfo | None
    # Height and width of the network's input.
    image_size: tuple[int, int] | None


class NoSourcesError(UsageError):
    """The app's sources are not beside the package; a verb adds how it is told where they are."""


def find_app(folder: Path | None) -> Path:
    """Find the app's sources: the given folder, or the checkout that this module is in.

    Raises `NoSourcesError` when they are not there, as in an installed wheel.
    """
    checkout = Path(__file__).parents[2] / "android_app"
    app = folder or checkout
    if (app / "settings.gradle.kts").is_file():
        return app
    if folder:
        raise UsageError(
            f"{folder} is not the app's folder.",
            why="There is no settings.gradle.kts in it.",
            next_step="Pass the folder android_app of a checkout.",
        )
    raise NoSourcesError(
        "The app's sources are not here.",
        why="They are in the project's repository, not in the installed package.",
        next_step="Clone the repository.",
    )


def embed_model(model: Path, app: Path) -> EmbeddedModel:
    """Put a .pte with its manifest and golden input into the app, replacing one of its name.

    Raises `UsageError` for other files, and `TopformerError` when the file is not the one its
    manifest describes, or does not run.
    """
    if model.suffix != ".pte":
        raise UsageError(
            f"{model} is not a .pte.",
            why="The app runs ExecuTorch.",
            next_step="Make one with `topformer export --target xnnpack`.",
        )
    if not _NAME.fullmatch(model.stem):
        raise UsageError(
            f"{model.name!r} cannot be a name in the app.",
            next_step="Name it, and its .json, with letters, digits, '.', '_' and '-'.",
        )
    manifest = read_manifest_of(model)
    try_model(model, manifest)
    golden = encode_golden(make_golden(manifest))
    in_app = app / MODELS_FOLDER / model.name
    with (
        only_run_in(app),
        atomic_set(*map(in_app.with_suffix, SUFFIXES)) as (pte, json, golden_file),
    ):
        shutil.copyfile(model, pte)
        check_file(pte, manifest)
        json.write_bytes(encode_document(manifest))
        golden_file.write_bytes(golden)
    return look_at(in_app)


def embedded_models(app: Path) -> tuple[EmbeddedModel, ...]:
    """Look at every model in the app, whole or not."""
    folder = app / MODELS_FOLDER
    sweep(folder)
    found = folder.iterdir() if folder.is_dir() else ()
    names = {path.stem for path in found if path.suffix in SUFFIXES and path.name[0] != "."}
    return tuple(look_at(folder / f"{name}.pte") for name in sorted(names))


def remove_model(name: str, app: Path) -> None:
    """Take a model out of the app; raises `UsageError` when there is none of that name."""
    present = [model.name for model in embedded_models(app)]
    if name not in present:
        raise UsageError(
            f"No model called {name!r} is in the app.",
            next_step=f"Choose one of {', '.join(present)}." if present else "There is none.",
        )
    # Killed in between, what is left is listed as not whole, and can be removed.
    with only_run_in(app), ctrl_c_held():
        for suffix in SUFFIXES:
            (app / MODELS_FOLDER / f"{name}{suffix}").unlink(missing_ok=True)


def look_at(in_app: Path) -> EmbeddedModel:
    """Say what an embedded .pte is, or what is wrong with it."""
    try:
        manifest = read_manifest_of(in_app)
        _check_golden_file(in_app.with_suffix(".golden"), manifest)
    except TopformerError as error:
        problem = " ".join(part for part in (error.what, error.why) if part)
        return EmbeddedModel(
            name=in_app.stem, problem=problem, file=None, weights=None, image_size=None
        )
    return EmbeddedModel(
        name=in_app.stem,
        problem=None,
        file=manifest.file,
        weights=manifest.weights,
        image_size=(manifest.input.height, manifest.input.width),
    )


def _check_golden_file(path: Path, manifest: Manifest) -> None:
    data = read_bytes(path, limit_bytes=GOLDEN_LIMIT_BYTES, kind="golden file")
    try:
        golden = decode_golden(data)
    except GoldenFormatError as error:
        raise TopformerError(f"{path.name} is not a golden file.", why=f"{error}.") from error
    assert manifest.file is not None
    if golden.model_sha256 != manifest.file.sha256:
        raise TopformerError(f"{path.name} belongs to another model.")
