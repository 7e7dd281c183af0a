"""What this machine tells about itself: its description, and counters read around each block.

Every file here may be missing (another system, a sandbox); then the fact is None.
"""

import os
import platform
import re
import sys
import time
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from topformer.children import EndlessOutputError, run_bounded

LIBRARIES = (
    *("topformer", "torch", "torchao", "executorch"),
    *("onnx", "onnxscript", "onnxsim", "onnxruntime", "numpy", "pillow"),
)
CPU_FOLDER = Path("/sys/devices/system/cpu")
CGROUP_FOLDER = Path("/sys/fs/cgroup")
BRAND_COMMAND = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
# Of ticks, microseconds or kilohertz: no longer numbers are real.
_COUNT = re.compile(r"\d{1,15}", re.ASCII)


def read_text(path: Path) -> str | None:
    """Read a small file of the kernel's; None where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Totals since the machine started, to be read twice and subtracted."""

    # When they were read, by a clock of the machine's own.
    at_s: float | None
    # Over all CPUs, in seconds.
    busy_s: float | None
    stolen_s: float | None
    # In which the container's CPU quota stopped it.
    quota_stopped_s: float | None
    thermal_events: int | None
    # Now, of the fastest CPU: the idle ones idle slowly.
    frequency_mhz: float | None


def read_counters() -> Counters:
    """Read all counters that this machine has."""
    busy_s, stolen_s = parse_proc_stat(read_text(Path("/proc/stat")))
    return Counters(
        at_s=time.monotonic(),
        busy_s=busy_s,
        stolen_s=stolen_s,
        quota_stopped_s=parse_quota_stop(read_text(CGROUP_FOLDER / "cpu.stat")),
        thermal_events=_sum_of_cpus("thermal_throttle/core_throttle_count"),
        frequency_mhz=frequency_mhz(),
    )


def parse_proc_stat(text: str | None) -> tuple[float | None, float | None]:
    """Busy and stolen seconds from the first line of /proc/stat (proc_stat(5))."""
    fields = (text or "").partition("\n")[0].split()
    if len(fields) < 9 or fields[0] != "cpu" or not all(map(_COUNT.fullmatch, fields[1:9])):
        return None, None
    user, nice, system, _idle, _iowait, interrupts, soft, stolen = map(int, fields[1:9])
    busy = user + nice + system + interrupts + soft
    if busy == 0:  # some sandboxes show a table of zeros
        return None, None
    ticks = os.sysconf("SC_CLK_TCK")
    return busy / ticks, stolen / ticks


def parse_quota_stop(text: str | None) -> float | None:
    """Seconds without CPU from a cgroup's cpu.stat; None without a quota."""
    for line in (text or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "throttled_usec" and _COUNT.fullmatch(value):
            return int(value) / 1e6
    return None


def parse_quota(text: str | None) -> float | None:
    """CPUs that a cgroup's cpu.max allows; None for no limit."""
    fields = (text or "").split()
    if len(fields) != 2 or not all(map(_COUNT.fullmatch, fields)) or int(fields[1]) == 0:
        return None
    return int(fields[0]) / int(fields[1])


def frequency_mhz() -> float | None:
    """Clock frequency of the fastest CPU now."""
    values = _of_cpus("cpufreq/scaling_cur_freq")
    return max(values) / 1000 if values else None


def _sum_of_cpus(name: str) -> int | None:
    values = _of_cpus(name)
    return sum(values) if values else None


def _of_cpus(name: str) -> list[int]:
    texts = [read_text(path) for path in CPU_FOLDER.glob(f"cpu[0-9]*/{name}")]
    return [int(text) for text in texts if text and _COUNT.fullmatch(text)]


def cpu_count() -> int:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """Name of the processor."""
    if sys.platform == "darwin":
        return _brand() or platform.processor()
    return parse_cpuinfo(read_text(Path("/proc/cpuinfo"))) or platform.machine()


def _brand() -> str:
    """Name of the processor as macOS tells it; empty where it does not."""
    try:
        found = run_bounded(BRAND_COMMAND, timeout_s=5, limit_bytes=2**12)
    except (OSError, EndlessOutputError):
        return ""
    return found.stdout.decode(errors="replace").strip()


def parse_cpuinfo(text: str | None) -> str:
    """Name of the processor from /proc/cpuinfo; ARM kernels give only a part number."""
    for wanted in ("model name", "Hardware", "CPU part"):
        for line in (text or "").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == wanted and value.strip():
                return value.strip() if wanted != "CPU part" else f"ARM part {value.strip()}"
    return ""


def is_virtual_machine() -> bool | None:
    """Whether a hypervisor runs this machine; None where the processor does not say."""
    for line in (read_text(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith("flags"):
            return "hypervisor" in line.split()
    return None


def is_container() -> bool:
    """Whether this process runs in a container of one of the usual kinds."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    if any(mark.exists() for mark in marks) or "KUBERNETES_SERVICE_HOST" in os.environ:
        return True
    groups = read_text(Path("/proc/1/cgroup")) or ""
    return any(word in groups for word in ("docker", "kubepods", "containerd", "lxc"))


def cpu_quota() -> float | None:
    """CPUs that the container may use at most; None for no limit."""
    return parse_quota(read_text(CGROUP_FOLDER / "cpu.max"))


def governor() -> str | None:
    """How the kernel chooses clock frequencies, as in "performance"."""
    return read_text(CPU_FOLDER / "cpu0/cpufreq/scaling_governor")


def load_average() -> tuple[float, float, float] | None:
    """Load over 1, 5 and 15 minutes."""
    try:
        return os.getloadavg()
    except OSError:
        return None


def memory_bytes() -> tuple[int | None, int | None]:
    """Memory of the machine: all of it, and what is available now."""
    found: dict[str, int] = {}
    for line in (read_text(Path("/proc/meminfo")) or "").splitlines():
        name, _, value = line.partition(":")
        amount = value.split()
        if amount and _COUNT.fullmatch(amount[0]):
            found[name] = int(amount[0]) * 1024
    return found.get("MemTotal"), found.get("MemAvailable")


@cache
def library_versions() -> dict[str, str]:
    """Versions of the installed libraries that take part, read without importing them."""
    versions: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
