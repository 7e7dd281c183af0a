"""Which CPUs of a device are alike, which are meant, and where a program really ran."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby

from topformer.devices.facts.arm_parts import core_name
from topformer.devices.facts.documents import DeviceCore
from topformer.devices.facts.parsing import MOST_CPUS, CpuInfo, CpuTable, whole_number
from topformer.errors import TopformerError, UsageError

_WORDS = ("big", "mid", "little")


def cluster_cores(table: CpuTable, files: dict[int, dict[str, str]]) -> tuple[DeviceCore, ...]:
    """Sort CPUs into clusters of equal capacity and highest frequency, the slowest first."""
    speeds: dict[int, tuple[int, int]] = {}
    for cpu in sorted(table.cpus.keys() | files.keys()):
        own = files.get(cpu, {})
        capacity = whole_number(own.get("cpu_capacity")) or 0
        speeds[cpu] = capacity, whole_number(own.get("cpufreq/cpuinfo_max_freq")) or 0
    clusters = sorted(set(speeds.values()))
    return tuple(
        DeviceCore(
            cpu=cpu,
            core=_name(table.cpus.get(cpu)),
            max_khz=speed[1] or None,
            capacity=speed[0] or None,
            cluster=clusters.index(speed),
        )
        for cpu, speed in speeds.items()
    )


def _name(cpu: CpuInfo | None) -> str | None:
    if cpu is None or cpu.part is None:
        return cpu.name if cpu else None
    return core_name(cpu.implementer or 0, cpu.part)


def describe_clusters(cores: Sequence[DeviceCore]) -> str:
    """Say what CPUs a device has, the fastest first, as in "1x Cortex-X1 2.80 GHz + 3x ..."."""
    ordered = sorted(cores, key=lambda core: -core.cluster)
    parts: list[str] = []
    for _, group in groupby(ordered, key=lambda core: core.cluster):
        members = list(group)
        first = members[0]
        speed = f" {first.max_khz / 1e6:.2f} GHz" if first.max_khz else ""
        parts.append(f"{len(members)}x {first.core or 'CPU'}{speed}")
    return " + ".join(parts)


def choose_mask(wanted: str, cores: Sequence[DeviceCore], *, offline: Sequence[int] = ()) -> int:
    """Turn `big`, `mid`, `little` or a hexadecimal mask into a mask of CPUs, bit 0 for CPU 0.

    Raises `UsageError` for what is neither, and `TopformerError` for a device without such CPUs, or
    with some that are `offline`: they may be the only ones of a cluster.
    """
    if wanted not in _WORDS:
        return _hexadecimal_mask(wanted, cores, offline)
    next_step = f"Leave --cores out, or give a mask of CPUs, as in --cores {_fastest(cores):x}."
    if offline:
        raise TopformerError(
            f"Which cores are the {wanted} ones cannot be told now.",
            why=f"CPUs that are off do not tell what they are: {', '.join(map(str, offline))}.",
            next_step=next_step,
        )
    clusters = sorted({core.cluster for core in cores})
    chosen = {"little": clusters[:1], "mid": clusters[1:-1], "big": clusters[-1:]}[wanted]
    if len(clusters) < 2 or not chosen:
        raise TopformerError(
            f"This device has no {wanted} cores.",
            why=f"It has {describe_clusters(cores) or 'CPUs that it does not describe'}.",
            next_step=next_step,
        )
    return mask_of(core.cpu for core in cores if core.cluster in chosen)


def _fastest(cores: Sequence[DeviceCore]) -> int:
    """The mask of the fastest CPUs that are on; of CPU 0 where none is described."""
    fastest = max((core.cluster for core in cores), default=0)
    return mask_of(core.cpu for core in cores if core.cluster == fastest) or 1


def cluster_word(
    mask: int, cores: Sequence[DeviceCore], *, offline: Sequence[int] = ()
) -> str | None:
    """Name of the cluster whose CPUs a mask holds, all of them and no others."""
    for word in _WORDS:
        with suppress(TopformerError):
            if choose_mask(word, cores, offline=offline) == mask:
                return word
    return None


def _hexadecimal_mask(wanted: str, cores: Sequence[DeviceCore], offline: Sequence[int]) -> int:
    found = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{1,64})", wanted)
    mask = int(found[1], 16) if found else 0
    if mask == 0:
        raise UsageError(
            f"{wanted!r} names no cores.",
            next_step=f"Choose one of {', '.join(_WORDS)}, or a hexadecimal mask, as in f0.",
        )
    everything = mask_of(core.cpu for core in cores)
    if cores and (beyond := mask & ~everything):
        is_off = beyond & mask_of(offline)
        raise TopformerError(
            f"CPUs {is_off:x} of this device are switched off now."
            if is_off
            else f"This device has no CPUs {beyond:x}.",
            why=f"All of its CPUs {'that are on' if offline else 'together'} are {everything:x}.",
            next_step="Leave --cores out, or give a mask of those.",
        )
    return mask


def mask_of(cpus: Iterable[int]) -> int:
    """Return the mask with the bits of these CPUs."""
    return sum(1 << cpu for cpu in set(cpus))


def cpus_of(mask: int) -> tuple[int, ...]:
    """Return the CPUs whose bits are in a mask."""
    return tuple(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)


def parse_allowed(status: str) -> int | None:
    """Mask of the CPUs that a program may use, from its /proc/PID/status."""
    found = re.search(r"^Cpus_allowed:\s*([0-9a-fA-F,]{1,600})\s*$", status, re.MULTILINE)
    digits = found[1].replace(",", "") if found else ""
    return int(digits, 16) % (1 << MOST_CPUS) if digits else None


def parse_last_cpus(stats: str) -> tuple[int, ...]:
    """CPUs on which the threads of a program ran last, from the lines of /proc/PID/task/*/stat."""
    found: set[int] = set()
    for line in stats.splitlines():
        # The name in brackets may hold anything, brackets included; proc_pid_stat(5), field 39.
        fields = line.rpartition(")")[2].split()
        cpu = whole_number(fields[36]) if len(fields) > 36 else None
        if cpu is not None and cpu < MOST_CPUS:
            found.add(cpu)
    return tuple(sorted(found))
