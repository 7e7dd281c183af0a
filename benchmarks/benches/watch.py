"""Rounds on a device whose state is read around every block, and what that state tells."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from topformer.benchmarks.benches.environment import EnvironmentWatch
from topformer.benchmarks.documents.bench import (
    AppRecord,
    BenchDocument,
    DeviceRecord,
    RunnerRecord,
    StateReading,
    StateSample,
)
from topformer.benchmarks.documents.published import published_rows
from topformer.benchmarks.documents.rows import Cores, Row
from topformer.benchmarks.protocol.comparison import compare_run
from topformer.benchmarks.protocol.modes import Mode
from topformer.benchmarks.protocol.recording import Recording, gather_evidence
from topformer.benchmarks.protocol.rounds import Recorded, Worker, run_rounds
from topformer.benchmarks.protocol.verdict import Evidence
from topformer.benchmarks.workers.rows import RowRequest
from topformer.devices.facts.cores import cluster_word, cpus_of
from topformer.devices.facts.documents import DeviceCore, DeviceFacts, DeviceState, StartGate
from topformer.devices.facts.reading import CountedState, read_counted_state, read_state
from topformer.devices.heat import gate_temperature, wait_until_cool
from topformer.devices.links.link import Link
from topformer.devices.machine import Counters
from topformer.devices.workspace import Placement

# The state after one block is that before the next, when nothing lies between them: asking takes
# the device's time, and a device that is asked more than it computes does not get warm.
FRESH_S = 0.02


@dataclass(frozen=True, kw_only=True)
class DevicePlan:
    """What to measure on a device, and how."""

    requests: Sequence[RowRequest]
    mode: Mode
    seed: int
    # In Celsius; None leaves it to the sensor that there is.
    max_start_c: float | None


class DeviceWatch:
    """Reads the state of a device around blocks, and remembers it."""

    def __init__(
        self, read: Callable[[], CountedState], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`read` asks the device."""
        self._read = read
        self._clock = clock
        # The first reading is made as the first block begins.
        self._start_s: float | None = None
        self._last_s = 0.0
        self._newest: CountedState | None = None
        self.readings: list[StateReading] = []

    def before_block(self) -> Counters:
        """Return the counters as the newest reading ended, which is made where there is none."""
        if self._newest is None or self._clock() - self._last_s > FRESH_S:
            self._newest = self._read_anew()
        return self._newest.last

    def after_block(self) -> Counters:
        """Read the state, and return the counters as that began."""
        self._newest = self._read_anew()
        return self._newest.first

    def _read_anew(self) -> CountedState:
        counted = self._read()
        self._last_s = self._clock()
        self._start_s = self._last_s if self._start_s is None else self._start_s
        at_s = self._last_s - self._start_s
        self.readings.append(StateReading(at_s=at_s, state=counted.state))
        return counted


@dataclass(frozen=True, kw_only=True)
class WatchedRounds:
    """What was recorded on a device, how it was at the start, and its state meanwhile."""

    recorded: Recorded
    start: StartGate
    readings: tuple[StateReading, ...]

    def document(
        self,
        rows: Sequence[Row],
        environment: EnvironmentWatch,
        *,
        facts: DeviceFacts,
        program: RunnerRecord | AppRecord,
    ) -> BenchDocument:
        """Make the document of a bench of this one device."""
        host, protocol = environment.finish(), self.recorded.protocol
        device = DeviceRecord(
            facts=facts,
            program=program,
            protocol=protocol,
            start=self.start,
            readings=self.readings,
        )
        return BenchDocument(
            environment=host,
            protocol=protocol,
            rows=tuple(rows),
            comparisons=compare_run(rows, host, protocol),
            states=state_samples(self.readings),
            published=published_rows(rows),
            devices=(device,),
        )


def run_watched_rounds(
    link: Link,
    workers: Sequence[Worker],
    plan: DevicePlan,
    *,
    on_progress: Callable[[str], None],
) -> WatchedRounds:
    """Wait until the device is cool, then measure as `run_rounds` does.

    Raises `TopformerError` naming the row that fails.
    """
    start = wait_until_cool(
        lambda: read_state(link),
        device=link.name,
        on_wait=on_progress,
        max_start_c=plan.max_start_c,
    )
    watch = DeviceWatch(lambda: read_counted_state(link))
    recorded = run_rounds(
        workers,
        mode=plan.mode,
        seed=plan.seed,
        clock="CLOCK_MONOTONIC",
        allocator={},
        on_progress=on_progress,
        surroundings=watch,
    )
    return WatchedRounds(recorded=recorded, start=start, readings=tuple(watch.readings))


def _allowed_mhz(state: DeviceState) -> float | None:
    found = [cpu.allowed_khz for cpu in state.cpus if cpu.allowed_khz]
    return max(found) / 1000 if found else None


def device_evidence(
    recording: Recording,
    readings: Sequence[StateReading],
    placements: Sequence[Placement],
    facts: DeviceFacts,
) -> Evidence:
    """What a device told while a row was measured there."""
    all_cpus = {core.cpu for core in facts.cores} or {0}
    mask = placements[-1].allowed_mask if placements else None
    allowed = set(cpus_of(mask)) & all_cpus if mask is not None else all_cpus
    states = [reading.state for reading in readings]
    statuses = [s.thermal_status for s in states if s.thermal_status is not None]
    percents = [s.battery_percent for s in states if s.battery_percent is not None]
    return replace(
        gather_evidence(recording, cpu_count=len(allowed) or 1, machine_cpu_count=len(all_cpus)),
        frequency_cap_ratio=_cap_ratio(states, allowed),
        thermal_status_rise=max(statuses) - statuses[0] if statuses else None,
        cluster_moves=_cluster_moves(placements, facts.cores),
        battery_percent=min(percents, default=None),
        plugged=states[-1].power not in {None, "none"} if states else None,
    )


def _cap_ratio(states: Sequence[DeviceState], cpus: set[int]) -> float | None:
    """Lowest of what was allowed at most on some CPUs over what was at first; None if not told."""
    caps = [
        max((cpu.allowed_khz or 0 for cpu in state.cpus if cpu.cpu in cpus), default=0)
        for state in states
    ]
    told = [cap for cap in caps if cap]
    return min(told) / told[0] if told else None


def _cluster_moves(placements: Sequence[Placement], cores: Sequence[DeviceCore]) -> int:
    cluster_of = {core.cpu: core.cluster for core in cores}
    seen = [{cluster_of.get(cpu) for cpu in place.last_cpus} for place in placements]
    return sum(before != after for before, after in pairwise(seen))


def cores_used(
    placements: Sequence[Placement], facts: DeviceFacts, *, requested_mask: int | None
) -> Cores | None:
    """Where a row ran; None where the device does not tell.

    `placements` were read after each block; `requested_mask` is None where the device was left to
    choose.
    """
    effective = placements[-1].allowed_mask if placements else None
    if effective is None:
        return None
    return Cores(
        requested=None if requested_mask is None else f"{requested_mask:x}",
        effective=f"{effective:x}",
        cluster=cluster_word(effective, facts.cores, offline=facts.offline),
    )


def state_samples(readings: Sequence[StateReading]) -> tuple[StateSample, ...]:
    """Shorten readings to what a plot over time shows."""
    return tuple(
        StateSample(
            at_s=reading.at_s,
            frequency_mhz=_allowed_mhz(reading.state),
            temperature_c=heat.temperature_c if (heat := gate_temperature(reading.state)) else None,
            thermal_status=reading.state.thermal_status,
        )
        for reading in readings
    )
