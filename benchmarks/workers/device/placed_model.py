"""One model and its picture on a device, and the commands that run them there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topformer.benchmarks.documents.runner import session_options
from topformer.benchmarks.workers.device.counting import COUNTER
from topformer.benchmarks.workers.pictures import open_picture, resized_from
from topformer.devices.workspace import Workspace
from topformer.files import sha256_bytes
from topformer.images import BenchPicture
from topformer.manifest import Manifest, read_manifest_of
from topformer.temporary import temporary_folder


@dataclass(frozen=True, kw_only=True)
class PlacedModel:
    """A model on a device: from `place_model`."""

    workspace: Workspace
    manifest: Manifest
    picture: BenchPicture
    # How the runner is started on the device.
    runner: tuple[str, ...]
    remote_model: str
    remote_picture: str

    def command(
        self,
        verb: str,
        *options: str,
        threads: int,
        warmups: int,
        cores_mask: int | None,
        count_log: str | None = None,
    ) -> list[str]:
        """How the runner runs this model, on some cores only where a mask is given.

        On an emulated device `count_log` is where its instructions are counted into.
        """
        session = session_options(
            self.manifest,
            model=self.remote_model,
            picture=self.remote_picture,
            starts_with=resized_from(self.picture, self.manifest.input),
            threads=threads,
            warmups=warmups,
        )
        taskset = [] if cores_mask is None else ["taskset", f"{cores_mask:x}"]
        if count_log is None:
            return [*taskset, *self.runner, verb, *session, *options]
        counter = [COUNTER, count_log]
        return [*taskset, *counter, *self.runner, verb, *session, *options, "--mark-stages=1"]


def place_model(
    workspace: Workspace, model: Path, runner: Sequence[str], *, picture: str | None = None
) -> PlacedModel:
    """Put a .pte and its picture on the device; what is there already is not sent again.

    `picture` is what `--picture` says. Raises `TopformerError` for a file that is not its
    manifest's, and when the device is lost.
    """
    manifest = read_manifest_of(model)
    assert manifest.file is not None
    opened = open_picture(picture, manifest.input)
    pixels = opened.pixels.tobytes()
    with temporary_folder() as scratch:
        raw = scratch / "picture.rgb"
        raw.write_bytes(pixels)
        remote_picture = workspace.place(raw, f"{sha256_bytes(pixels)[:16]}.rgb")
    return PlacedModel(
        workspace=workspace,
        manifest=manifest,
        picture=opened,
        runner=tuple(runner),
        remote_model=workspace.place(model, f"{manifest.file.sha256[:16]}.pte"),
        remote_picture=remote_picture,
    )
