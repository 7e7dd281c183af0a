"""Fixtures: the hardware that the device claims to have. No such phone exists.

Eight cores in three clusters. The fast ones come first, unlike on phones: a thread can be bound to
cores that the host has too, and these should be enough to choose between clusters. All are of the
kind that is emulated, because XNNPACK chooses its kernels by it: for the core that a thread is on,
which is the host's affair. With slow cores among them, counts would be those of other kernels, and
no longer the same each time.
"""

from dataclasses import dataclass
from pathlib import Path

FEATURES = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop"
    " asimddp"
)
GOVERNOR = "schedutil"
MINIMUM_KHZ = 300_000


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Cores that share a clock."""

    cores: range
    maximum_khz: int
    capacity: int


# The Cortex-A76, in ARM's numbering.
PART = 0xD0B
CLUSTERS = (
    Cluster(cores=range(1), maximum_khz=2_841_600, capacity=1024),
    Cluster(cores=range(1, 4), maximum_khz=2_419_200, capacity=871),
    Cluster(cores=range(4, 8), maximum_khz=1_804_800, capacity=282),
)
THERMAL_ZONES = {"cpu-0-0": 33_400, "battery": 28_700, "skin": 30_100}


def cpuinfo() -> str:
    """Return /proc/cpuinfo as an ARM kernel prints it."""
    return "".join(
        f"processor\t: {core}\n"
        "BogoMIPS\t: 38.40\n"
        f"Features\t: {FEATURES}\n"
        "CPU implementer\t: 0x41\n"
        "CPU architecture: 8\n"
        "CPU variant\t: 0x1\n"
        f"CPU part\t: {PART:#x}\n"
        "CPU revision\t: 0\n\n"
        for cluster in CLUSTERS
        for core in cluster.cores
    )


def write_sysfs(folder: Path) -> None:
    """Write what /sys of an ARM kernel says of cores, clocks and temperatures."""
    everything = f"{CLUSTERS[0].cores.start}-{CLUSTERS[-1].cores.stop - 1}"
    cpus = folder / "devices/system/cpu"
    for name in ("possible", "present", "online"):
        _write(cpus / name, everything)
    for cluster in CLUSTERS:
        members = " ".join(map(str, cluster.cores))
        for core in cluster.cores:
            _write_core(cpus / f"cpu{core}", cluster, members)
    for number, (name, millidegrees) in enumerate(THERMAL_ZONES.items()):
        _write(folder / f"class/thermal/thermal_zone{number}/type", name)
        _write(folder / f"class/thermal/thermal_zone{number}/temp", millidegrees)


def _write_core(folder: Path, cluster: Cluster, members: str) -> None:
    bits = sum(1 << core for core in cluster.cores)
    _write(folder / "online", 1)
    _write(folder / "cpu_capacity", cluster.capacity)
    _write(folder / "topology/core_siblings", f"{bits:02x}")
    _write(folder / "topology/physical_package_id", CLUSTERS.index(cluster))
    for name, value in {
        "affected_cpus": members,
        "related_cpus": members,
        "scaling_governor": GOVERNOR,
        "cpuinfo_min_freq": MINIMUM_KHZ,
        "cpuinfo_max_freq": cluster.maximum_khz,
        "scaling_min_freq": MINIMUM_KHZ,
        "scaling_max_freq": cluster.maximum_khz,
        "scaling_cur_freq": cluster.maximum_khz,
    }.items():
        _write(folder / "cpufreq" / name, value)


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")
