"""The demo app on the rig, which has no Android: fixtures in its place, around the real runner."""

import shlex
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rig.device import Device
from topformer.benchmarks.bundle.build import BuiltBundle
from topformer.benchmarks.documents.runner import session_options
from topformer.images import bench_picture
from topformer.manifest import read_manifest_of

HERE = Path(__file__).parents[1] / "android" / "device"
APP = Path("fixtures/app")
DOCUMENTS = Path("sdcard/Android/data/io.topformer.demo/files/bench")


@dataclass(frozen=True, kw_only=True)
class RigApp:
    """The app's fixture on a device."""

    root: Path

    def behave(self, script: str) -> None:
        """Let the app's bench screen do something else; `$document` is where its document goes."""
        folder = f"/{DOCUMENTS}"
        start = f"mkdir -p {folder}; document={folder}/$1.json\n"
        (self.root / APP / "bench").write_text(f"{start}{script}\n")

    def uninstall(self) -> None:
        """Let there be no app."""
        shutil.rmtree(self.root / APP)

    def documents(self) -> list[str]:
        """Names of what lies where the app writes."""
        folder = self.root / DOCUMENTS
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@contextmanager
def installed_app(device: Device, runner: BuiltBundle, model: Path) -> Generator[RigApp]:
    """Install the fixture on a device of the rig, with one model in it.

    The device then also denies being emulated, so that there are latencies to look at; those of an
    emulator mean nothing, and are only counted here.
    """
    app, programs = device.root / APP, device.root / "usr/bin"
    shutil.copytree(runner.folder, app / "runner")
    (app / "models").mkdir()
    shutil.copy(model, app / "models" / model.name)
    manifest = read_manifest_of(model)
    picture = bench_picture(manifest.input.height, manifest.input.width)
    (app / "picture").write_bytes(picture.pixels.tobytes())
    options = session_options(manifest, model="", picture=f"/{APP}/picture", threads=0, warmups=0)
    fixed = [one for one in options if not one.startswith(("--model", "--threads", "--warmups"))]
    command = shlex.join([*runner.bundle.command(f"/{APP}/runner"), "run", *fixed])
    (app / "bench").write_text((HERE / "bench").read_text().replace("RUNNER ", f"{command} "))
    shutil.copy(HERE / "am", programs / "am")
    honest = (device.root / "fixtures/properties").read_text()
    properties = "\n".join(line for line in honest.splitlines() if "qemu" not in line) + "\n"
    with ExitStack() as stack:
        stack.enter_context(device.replaced("bin/pidof", (HERE / "pidof").read_bytes()))
        stack.enter_context(device.replaced("fixtures/properties", properties.encode()))
        try:
            yield RigApp(root=device.root)
        finally:
            (programs / "am").unlink()
            shutil.rmtree(app, ignore_errors=True)
            shutil.rmtree(device.root / "sdcard", ignore_errors=True)
