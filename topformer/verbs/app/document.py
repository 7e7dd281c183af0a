"""What `topformer app ... --json` prints."""

from typing import Literal

from topformer.android.assets import EmbeddedModel
from topformer.documents import Count, Document, SchemaName, Sha256, ShortText


class AppModelsDocument(Document, frozen=True, kw_only=True):
    """What is embedded in the app, after `embed`, `list` or `remove`."""

    schema: SchemaName = "topformer.app-models/1"
    app: str
    models: tuple[EmbeddedModel, ...]


class AppRuntime(Document, frozen=True, kw_only=True):
    """Where ExecuTorch's native library in an APK comes from."""

    # "stand-in" is another project's build of it, good for packing and not for a phone.
    source: Literal["gradle", "aar", "stand-in"]
    # Of ExecuTorch; null for a stand-in.
    version: ShortText | None
    # Of the archive that was passed.
    sha256: Sha256 | None
    # What a person must know of it; empty where there is nothing.
    note: str


class AppBuildDocument(Document, frozen=True, kw_only=True):
    """An APK that was built."""

    schema: SchemaName = "topformer.app-build/1"
    apk: str
    size_bytes: Count
    sha256: Sha256
    # Names of the models in it.
    models: tuple[ShortText, ...]
    runtime: AppRuntime


class AppDeviceDocument(Document, frozen=True, kw_only=True):
    """The app was installed or started on a device."""

    schema: SchemaName = "topformer.app-device/1"
    done: Literal["installed", "started"]
    serial: ShortText
    package: ShortText
