"""Ask a device what it is and how it is: one script for each, whatever it lacks."""

import re
import shlex
from dataclasses import dataclass

from topformer.devices.facts.cores import cluster_cores, parse_allowed, parse_last_cpus
from topformer.devices.facts.documents import CpuState, DeviceFacts, DeviceState
from topformer.devices.facts.parsing import (
    CpuTable,
    clean,
    parse_cpu_files,
    parse_cpu_list,
    parse_cpu_table,
    parse_load,
    parse_memory,
    parse_properties,
    parse_uptime,
    whole_number,
)
from topformer.devices.facts.sensors import parse_battery, parse_thermal, parse_zones
from topformer.devices.links.link import Link, LinkKind, new_token
from topformer.devices.machine import Counters, parse_proc_stat

_TIMEOUT_S = 30.0
_LIMIT_BYTES = 2**20
_CPUS = "/sys/devices/system/cpu/cpu[0-9]*"
_ZONES = "/sys/class/thermal/thermal_zone[0-9]*"

# An emulator of programs makes up what each of them reads of itself in /proc, and of itself only.
# So what runs this shell is read by its children: the brackets hold built-in commands to that.
_FACTS_SCRIPT = f"""
section properties; getprop
section cpuinfo; cat /proc/cpuinfo
section cpufiles; grep -Hs . {_CPUS}/cpufreq/cpuinfo_max_freq {_CPUS}/cpu_capacity
section present; cat /sys/devices/system/cpu/present
section online; cat /sys/devices/system/cpu/online
section memory; cat /proc/meminfo
section system; uname -rm
section board; tr -d '\\0' < /proc/device-tree/model
section shell; (readlink /proc/$$/exe; tr '\\0' '\\n' < /proc/$$/cmdline | head -n 1)
"""

# Zones of the kernel are many and slow to read, so they are asked only where Android knows less.
_STATE_SCRIPT = f"""
section uptime; cat /proc/uptime
section stat; head -n 1 /proc/stat
section load; cat /proc/loadavg
section cpufiles
grep -Hs . {_CPUS}/online {_CPUS}/cpufreq/scaling_cur_freq {_CPUS}/cpufreq/scaling_max_freq \
  {_CPUS}/cpufreq/scaling_governor
section memory; cat /proc/meminfo
section battery; dumpsys battery
section thermal; thermal=$(dumpsys thermalservice); echo "$thermal"
case "$thermal" in
*"Temperature{{"*) ;;
*) section zones; grep -Hs . {_ZONES}/type {_ZONES}/temp ;;
esac
"""

_LAST_COUNTERS_SCRIPT = """
section last_uptime; cat /proc/uptime
section last_stat; head -n 1 /proc/stat
"""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a running program may run, and where its threads ran last; None or () if not known."""

    allowed_mask: int | None
    last_cpus: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class CountedState:
    """A state, and the counters as its reading began and ended: the device works for it, too."""

    state: DeviceState
    first: Counters
    last: Counters
    # Of the program that was asked for.
    placement: Placement


def read_facts(link: Link) -> DeviceFacts:
    """Read what the device is; raises `TopformerError` when it is lost."""
    return describe_facts(_ask(link, _FACTS_SCRIPT), serial=link.name, kind=link.kind)


def read_state(link: Link) -> DeviceState:
    """Read how the device is now; raises `TopformerError` when it is lost."""
    return describe_state(_ask(link, _STATE_SCRIPT))


def read_counted_state(link: Link, *, pid_file: str | None = None) -> CountedState:
    """Read how the device is now, its counters, and where the program of a file's number runs.

    Raises `TopformerError` when the device is lost.
    """
    placement = "" if pid_file is None else _placement_script(pid_file)
    sections = _ask(link, _STATE_SCRIPT + placement + _LAST_COUNTERS_SCRIPT)
    return CountedState(
        state=describe_state(sections),
        first=_describe_counters(sections),
        last=_describe_counters(sections, "last_"),
        placement=_describe_placement(sections),
    )


def _placement_script(pid_file: str) -> str:
    return f"""
pid=$(cat {shlex.quote(pid_file)})
section status; cat /proc/$pid/status
section threads; cat /proc/$pid/task/*/stat
"""


def _ask(link: Link, script: str) -> dict[str, str]:
    """Run a script of sections, and return what each printed."""
    token = new_token()
    # Nothing in it may fail the whole: every source may be missing.
    whole = f"section() {{ echo; echo {token} $1; }}; {{ {script}\n}} 2>/dev/null; true"
    finished = link.run(["sh", "-c", whole], timeout_s=_TIMEOUT_S, limit_bytes=_LIMIT_BYTES)
    text = finished.stdout.decode(errors="replace").replace("\r\n", "\n")
    _, *parts = re.split(rf"^{token} (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def describe_facts(sections: dict[str, str], *, serial: str, kind: LinkKind) -> DeviceFacts:
    """Make facts of what the sections of the script printed."""
    properties = parse_properties(sections.get("properties", ""))
    table = parse_cpu_table(sections.get("cpuinfo", ""))
    kernel, _, architecture = sections.get("system", "").strip().rpartition(" ")
    reason = emulation(properties, table, clean(architecture), sections.get("shell", ""))
    return DeviceFacts(
        serial=serial,
        link=kind,
        manufacturer=properties.get("ro.product.manufacturer"),
        model=properties.get("ro.product.model") or clean(sections.get("board", "")),
        soc=properties.get("ro.soc.model") or table.hardware,
        platform=properties.get("ro.board.platform"),
        architecture=clean(architecture),
        abis=_abis(properties),
        android_version=properties.get("ro.build.version.release"),
        sdk=whole_number(properties.get("ro.build.version.sdk")),
        build_fingerprint=properties.get("ro.build.fingerprint"),
        build_type=properties.get("ro.build.type"),
        kernel=clean(kernel),
        cores=cluster_cores(table, parse_cpu_files(sections.get("cpufiles", ""))),
        offline=_offline(sections),
        asimddp=_every_core_has("asimddp", table),
        i8mm=_every_core_has("i8mm", table),
        sme=_every_core_has("sme", table),
        asimdhp=_every_core_has("asimdhp", table),
        memory_bytes=parse_memory(sections.get("memory", "")).get("MemTotal"),
        emulated=reason is not None,
        emulated_because=reason,
    )


def _offline(sections: dict[str, str]) -> tuple[int, ...]:
    online = parse_cpu_list(sections.get("online", ""))
    present = parse_cpu_list(sections.get("present", ""))
    # One is on for certain: that which answers.
    return tuple(sorted(present - online)) if online else ()


def _abis(properties: dict[str, str]) -> tuple[str, ...]:
    listed = properties.get("ro.product.cpu.abilist") or properties.get("ro.product.cpu.abi", "")
    return tuple(abi.strip() for abi in listed.split(",") if abi.strip())


def _every_core_has(feature: str, table: CpuTable) -> bool | None:
    known = [cpu.features for cpu in table.cpus.values() if cpu.features]
    return all(feature in features for features in known) if known else None


def emulation(
    properties: dict[str, str], table: CpuTable, architecture: str | None, shell: str
) -> str | None:
    """The sign that a device is emulated; None when there is none.

    `shell` holds the names of the program that really runs there when a shell does.
    """
    for name in ("ro.boot.qemu", "ro.kernel.qemu"):
        if properties.get(name) == "1":
            return f"{name} is 1"
    if (hardware := properties.get("ro.hardware")) in {"goldfish", "ranchu"}:
        return f"ro.hardware is {hardware}"
    for cpu in table.cpus.values():
        if architecture in {"aarch64", "arm64", "armv8l"} and cpu.vendor:
            return f"/proc/cpuinfo of an {architecture} device names {cpu.vendor}"
        if cpu.name and "QEMU" in cpu.name:
            return f"/proc/cpuinfo names {cpu.name}"
    # Since 8.2 qemu makes up an ARM processor's /proc/cpuinfo for the programs that it runs.
    emulator = re.search(r"\bqemu-[\w-]{1,60}", shell, re.ASCII)
    return f"its programs are run by {emulator[0]}" if emulator else None


def describe_state(sections: dict[str, str]) -> DeviceState:
    """Make a state of what the sections of the script printed."""
    battery = parse_battery(sections.get("battery", ""))
    thermal = parse_thermal(sections.get("thermal", ""))
    counters = _describe_counters(sections)
    return DeviceState(
        cpus=tuple(
            CpuState(
                cpu=cpu,
                online={"0": False, "1": True}.get(files.get("online", "")),
                current_khz=whole_number(files.get("cpufreq/scaling_cur_freq")),
                allowed_khz=whole_number(files.get("cpufreq/scaling_max_freq")),
                governor=files.get("cpufreq/scaling_governor"),
            )
            for cpu, files in sorted(parse_cpu_files(sections.get("cpufiles", "")).items())
        ),
        thermal_status=thermal.status,
        temperatures=thermal.temperatures or parse_zones(sections.get("zones", "")),
        battery_percent=battery.percent,
        battery_temperature_c=battery.temperature_c,
        power=battery.power,
        memory_available_bytes=parse_memory(sections.get("memory", "")).get("MemAvailable"),
        busy_s=counters.busy_s,
        stolen_s=counters.stolen_s,
        load_average=parse_load(sections.get("load", "")),
    )


def _describe_placement(sections: dict[str, str]) -> Placement:
    return Placement(
        allowed_mask=parse_allowed(sections.get("status", "")),
        last_cpus=parse_last_cpus(sections.get("threads", "")),
    )


def _describe_counters(sections: dict[str, str], which: str = "") -> Counters:
    # A line of this length holds any real counter, and none whose sum is beyond a float.
    busy_s, stolen_s = parse_proc_stat(sections.get(f"{which}stat", "")[:250])
    return Counters(
        at_s=parse_uptime(sections.get(f"{which}uptime", "")),
        busy_s=busy_s,
        stolen_s=stolen_s,
        quota_stopped_s=None,
        thermal_events=None,
        # A phone is read while it idles, and clocks down: what it may reach tells more.
        frequency_mhz=None,
    )
