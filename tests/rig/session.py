"""The rig as tests and `make rig` use it: devices, and commands beside them."""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from rig.device import Device, DeviceProcess, wait_until
from rig.namespace import Namespace
from rig.root import build_root

FIRST_PORT = 6001
# The network is private, so this is no port of the user's; it only keeps a command that leaves
# the namespace by mistake from talking to the user's server.
SERVER_PORT = "15037"
COMMAND_TIMEOUT_S = 120


class Rig:
    """A running rig with one device; `running_rig` makes it and ends it."""

    def __init__(self, namespace: Namespace, image: Path) -> None:
        self._namespace = namespace
        self._image = image
        self._ports = iter(range(FIRST_PORT, FIRST_PORT + 100))
        self.env = _environment(namespace.folder / "home")
        (namespace.folder / "home").mkdir()
        # Inside, where it ends with the rig, and with a folder for its log there.
        inside = {"HOME": str(namespace.inside / "home"), "TMPDIR": str(namespace.inside / "home")}
        namespace.enter(["adb", "start-server"], env={**self.env, **inside})
        self.device = self._start_device()

    @property
    def serial(self) -> str:
        """By which adb knows the first device."""
        return self.device.serial

    @property
    def root(self) -> Path:
        """The first device's files, seen from outside."""
        return self.device.root

    def processes(self) -> list[DeviceProcess]:
        """All that runs on the first device but adbd."""
        return self.device.processes()

    def run(
        self, command: Sequence[str | Path], *, timeout_s: float = COMMAND_TIMEOUT_S, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of this machine beside the devices and return what it printed."""
        return subprocess.run(
            self._namespace.beside(command),
            check=False,
            timeout=timeout_s,
            **{"capture_output": True, "text": True, "env": self.env, **options},
        )

    def popen(self, command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
        """Start a command of this machine beside the devices; its process is the command itself."""
        return subprocess.Popen(self._namespace.beside(command), **{"env": self.env, **options})

    def adb(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Call adb for the first device."""
        return self.run(["adb", "-s", self.serial, *arguments], **options)

    def connect(self, device: Device | None = None) -> None:
        """Connect adb to a device again, after its adbd was killed and started."""
        serial = (device or self.device).serial
        self.run(["adb", "disconnect", serial])
        self.run(["adb", "connect", serial])
        wait_until(
            f"adb reaches {serial}",
            lambda: self.run(["adb", "-s", serial, "get-state"]).stdout.strip() == "device",
        )

    @contextmanager
    def add_device(self) -> Generator[Device]:
        """Let there be one more device for a while."""
        device = self._start_device()
        try:
            yield device
        finally:
            self.run(["adb", "disconnect", device.serial])
            device.stop()

    def _start_device(self) -> Device:
        port = next(self._ports)
        device = Device(self._namespace, image=self._image, name=f"device-{port}", port=port)
        self.connect(device)
        return device


@contextmanager
def running_rig() -> Generator[Rig]:
    """Start the rig, built first if need be, and end all of it afterwards.

    Raises `TopformerError` where it cannot be built or started on this machine.
    """
    built = build_root()
    namespace = Namespace(built / "mounts")
    try:
        yield Rig(namespace, built / "root")
    finally:
        namespace.stop()


def _environment(home: Path) -> dict[str, str]:
    """Return the environment of commands beside the devices."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ADB_")}
    kept.pop("ANDROID_SERIAL", None)
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return {
        **kept,
        "ANDROID_ADB_SERVER_PORT": SERVER_PORT,
        # adb keeps its key there. What others keep at home, bundles above all, is found as ever.
        "HOME": str(home),
        "PATH": os.pathsep.join(folders),
        "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),
        "XDG_CONFIG_HOME": str(platformdirs.user_config_path()),
    }
