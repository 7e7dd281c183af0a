"""The device's files, built once into the cache: Debian's arm64 programs, fixtures, emulator."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs
from filelock import FileLock

from rig import tell
from rig.debs import SUITE, WANTED, fetch_debs
from rig.hardware import cpuinfo, write_sysfs
from rig.packages import check_packages, libraries_of
from topformer.errors import TopformerError
from topformer.files import sha256_bytes, sha256_file

HERE = Path(__file__).parent
EMULATED_CPU = "cortex-a76"
SUPPORTED_QEMU = "qemu-aarch64 version 7.2."
KEY_CHARACTERS = 20
STEP_TIMEOUT_S = 120

# Where Android has its programs, and where the loaders of Debian's programs look.
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "system/bin": "../usr/bin"}
FOLDERS = ("proc", "dev", "tmp", "system", "data/local/tmp", "data/misc", "emulator/lib")
# Other C libraries' builds of mksh, character sets and manuals, which no test asks for.
UNUSED = (
    "usr/share", "usr/lib/aarch64-linux-musl", "usr/lib/diet", "usr/lib/klibc", "usr/lib/systemd",
    "usr/lib/modules-load.d", "usr/lib/aarch64-linux-gnu/gconv", "usr/bin/mksh-static",
)  # fmt: skip


def build_root() -> Path:
    """Return the folder with the device's files, built first if it is not in the cache.

    Raises `TopformerError` that names what is missing on this machine, or the step that failed.
    """
    check_packages()
    qemu = Path(shutil.which("qemu-aarch64") or "")
    version = _run([qemu, "--version"]).splitlines()[0]
    if SUPPORTED_QEMU not in version:
        raise TopformerError(
            "The rig needs qemu 7.2, as Debian 12 packages it.",
            why=f"{qemu} is {version!r}, whose interface for plugins is another.",
        )
    cache = platformdirs.user_cache_path("topformer") / "rig"
    folder = cache / _key(qemu)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix=".build-", dir=cache) as scratch:
                made = Path(scratch) / "made"
                _build(made / "root", Path(scratch), qemu)
                # Each run mounts its devices here, in a mount namespace of its own.
                (made / "mounts").mkdir()
                made.rename(folder)
    return folder


def _key(qemu: Path) -> str:
    """Name what goes in: our files, qemu, and which packages (their versions are noted inside)."""
    facts = [SUITE, *WANTED, EMULATED_CPU, sha256_file(qemu)]
    sources = [HERE / name for name in ("debs.py", "root.py", "hardware.py", "packages.py")]
    sources += [
        *HERE.glob("*.c"),
        *(path for path in (HERE / "files").rglob("*") if path.is_file()),
    ]
    facts += [
        f"{path.relative_to(HERE)} {path.stat().st_mode:o} {sha256_file(path)}"
        for path in sorted(sources)
    ]
    return sha256_bytes("\n".join(facts).encode())[:KEY_CHARACTERS]


def _build(root: Path, scratch: Path, qemu: Path) -> None:
    root.mkdir(parents=True)
    tell(f"fetching {', '.join(WANTED)} for arm64 from Debian {SUITE}")
    debs = fetch_debs(scratch / "apt")
    tell(f"unpacking {len(debs)} packages")
    for deb in debs:
        _run(["dpkg-deb", "--extract", deb, root])
    for name in UNUSED:
        _remove(root / name)
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    tell("compiling the emulator")
    _build_emulator(root / "emulator", qemu)
    # Toybox is one program under many names; what the shell has built in is taken from the shell.
    (root / "usr/bin/sh").symlink_to("mksh")
    for name in _run([qemu, "-cpu", EMULATED_CPU, "-L", root, root / "usr/bin/toybox"]).split():
        (root / "usr/bin" / name).symlink_to("toybox")
    shutil.copytree(HERE / "files", root, dirs_exist_ok=True)
    write_sysfs(root / "sys")
    (root / "fixtures/cpuinfo").write_text(cpuinfo())
    (root / "fixtures/packages").write_text("".join(f"{deb.name}\n" for deb in debs))


def _build_emulator(folder: Path, qemu: Path) -> None:
    """Put this machine's qemu beside its libraries, and our two programs in C beside them."""
    loader, libraries = libraries_of(qemu)
    shutil.copyfile(qemu, folder / "qemu-aarch64")
    shutil.copyfile(loader, folder / "loader")
    for library in libraries:
        shutil.copyfile(library, folder / "lib" / library.name)
    (folder / "cpu").write_text(f"{EMULATED_CPU}\n")
    compiler = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", f'-DEMULATED_CPU="{EMULATED_CPU}"']
    _run([*compiler, "-static", "-o", folder / "emulator", HERE / "emulator.c"])
    _run([*compiler, "-shared", "-fPIC", "-fvisibility=hidden",
          "-o", folder / "count.so", HERE / "count.c"])  # fmt: skip
    for name in ("qemu-aarch64", "loader"):
        (folder / name).chmod(0o755)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _run(command: list[str | Path]) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=STEP_TIMEOUT_S
    )
    if done.returncode != 0:
        raise TopformerError(
            f"Building the device failed: {Path(command[0]).name}.", why=done.stderr[-2000:].strip()
        )
    return done.stdout
