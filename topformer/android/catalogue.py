"""The app's version catalogue, `gradle/libs.versions.toml`: the one place of its versions."""

from pathlib import Path

import msgspec

from topformer.errors import TopformerError
from topformer.files import read_text
from topformer.toml import decode_toml

CATALOGUE = Path("gradle", "libs.versions.toml")
LIMIT_BYTES = 2**20


class _Catalogue(msgspec.Struct):
    versions: dict[str, str]


def read_versions(app: Path) -> dict[str, str]:
    """Versions by name; raises `TopformerError` when the catalogue has none."""
    path = app / CATALOGUE
    text = read_text(path, limit_bytes=LIMIT_BYTES, kind="version catalogue")
    try:
        return msgspec.convert(decode_toml(text, str(path)), _Catalogue).versions
    except msgspec.MsgspecError as error:
        raise TopformerError(
            f"{path} is no version catalogue.", why=str(error), next_step="Restore the file."
        ) from error


def wanted_jdk(app: Path) -> int:
    """Least version of the JDK that the app is built with."""
    try:
        return int(read_versions(app)["jdk"])
    except (KeyError, ValueError) as error:
        raise TopformerError(
            f"The catalogue of {app} names no version of the JDK.",
            why=str(error),
            next_step="Restore the file gradle/libs.versions.toml.",
        ) from error
