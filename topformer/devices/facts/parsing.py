"""Read what a device prints of itself. All of it may be missing, torn, or made up to do harm.

Every function takes any text and returns what it understands of it.
"""

import re
from dataclasses import dataclass, field

from topformer.text import printable

MOST_CPUS = 256
_VALUE_LIMIT = 200


def clean(text: str) -> str | None:
    """Shorten a value and make it fit for a terminal; None when nothing is left."""
    kept = printable(text[: 2 * _VALUE_LIMIT].strip())
    return kept[:_VALUE_LIMIT] or None


def whole_number(text: str | None) -> int | None:
    """Read a number of up to 15 digits."""
    found = re.fullmatch(r"\d{1,15}", (text or "").strip(), re.ASCII)
    return int(found[0]) if found else None


def parse_properties(text: str) -> dict[str, str]:
    """Read what `getprop` prints: [name]: [value]."""
    found = re.findall(r"^\[([\w.-]{1,100})\]: \[(.*)\]\r?$", text, re.ASCII | re.MULTILINE)
    return {name: value for name, raw in found if (value := clean(raw))}


@dataclass(kw_only=True)
class CpuInfo:
    """One processor in /proc/cpuinfo."""

    implementer: int | None = None
    part: int | None = None
    features: frozenset[str] = frozenset()
    # x86 alone has it.
    vendor: str | None = None
    name: str | None = None


@dataclass(kw_only=True)
class CpuTable:
    """All of /proc/cpuinfo."""

    cpus: dict[int, CpuInfo] = field(default_factory=dict[int, CpuInfo])
    hardware: str | None = None


def parse_cpu_table(text: str) -> CpuTable:
    """Read /proc/cpuinfo, of ARM and x86 kernels."""
    table = CpuTable()
    current = CpuInfo()
    for line in text.splitlines():
        name, _, raw = line.partition(":")
        name, value = name.strip(), raw.strip()
        if name == "processor" and (cpu := whole_number(value)) is not None and cpu < MOST_CPUS:
            current = table.cpus.setdefault(cpu, CpuInfo())
        elif name == "CPU implementer":
            current.implementer = _hexadecimal(value)
        elif name == "CPU part":
            current.part = _hexadecimal(value)
        elif name == "Features":
            current.features = frozenset(value.split()[:500])
        elif name == "vendor_id":
            current.vendor = clean(value)
        elif name == "model name":
            current.name = clean(value)
        elif name == "Hardware":
            table.hardware = clean(value)
    return table


def _hexadecimal(text: str) -> int | None:
    found = re.fullmatch(r"0x([0-9a-fA-F]{1,8})", text)
    return int(found[1], 16) if found else None


def parse_cpu_files(text: str) -> dict[int, dict[str, str]]:
    """Read lines `/sys/devices/system/cpu/cpuN/NAME:VALUE`, as grep prints them."""
    cpus: dict[int, dict[str, str]] = {}
    pattern = r"^/sys/devices/system/cpu/cpu(\d{1,3})/([\w/]{1,60}):(.*)$"
    for number, name, raw in re.findall(pattern, text, re.ASCII | re.MULTILINE):
        if int(number) < MOST_CPUS and (value := clean(raw)):
            cpus.setdefault(int(number), {})[name] = value
    return cpus


def parse_cpu_list(text: str) -> set[int]:
    """Read numbers of CPUs as the kernel lists them, as in "0-3,7"."""
    # No list of so few CPUs is longer.
    found = re.findall(r"(\d{1,3})(?:-(\d{1,3}))?", text[: 4 * MOST_CPUS], re.ASCII)
    spans = (range(int(first), int(last or first) + 1) for first, last in found)
    return {cpu for span in spans for cpu in span if cpu < MOST_CPUS}


def parse_memory(text: str) -> dict[str, int]:
    """Read /proc/meminfo as bytes."""
    found = re.findall(r"^(\w{1,40}):\s{1,40}(\d{1,12}) kB", text, re.ASCII | re.MULTILINE)
    return {name: int(value) * 1024 for name, value in found}


def parse_load(text: str) -> tuple[float, float, float] | None:
    """Read /proc/loadavg."""
    found = re.match(r"(\d{1,6}\.\d{1,3}) (\d{1,6}\.\d{1,3}) (\d{1,6}\.\d{1,3})\s", text, re.ASCII)
    return (float(found[1]), float(found[2]), float(found[3])) if found else None


def parse_uptime(text: str) -> float | None:
    """Read the first number of /proc/uptime, in seconds."""
    found = re.match(r"\d{1,12}\.\d{2}(?=\s)", text, re.ASCII)
    return float(found[0]) if found else None
