"""Rounds on a device whose state is read around every block, and what that state tells."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

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
from topformer.devices.facts.reading import (
    CountedState,
    Placement,
    read_counted_state,
    read_state,
)
from topformer.devices.heat import gate_temperature, wait_until_cool
from topformer.devices.links.link import Link
from topformer.devices.machine import Counters

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
        cpus: Collection[int],
    ) -> BenchDocument:
        """Make the document of a bench of this one device, whose rows used these CPUs."""
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
            states=state_samples(self.readings, cpus),
            published=published_rows(rows),
            devices=(device,),
        )


def run_watched_rounds(
    link: Link,
    workers: Sequence[Worker],
    plan: DevicePlan,
    *,
    on_progress: Callable[[str], None],
    read: Callable[[], CountedState] | None = None,
) -> WatchedRounds:
    """Wait until the device is cool, then measure as `run_rounds` does.

    `read` reads the state around blocks, and may ask the device for more with it. Raises
    `TopformerError` naming the row that fails.
    """
    start = wait_until_cool(
        lambda: read_state(link),
        device=link.name,
        on_wait=on_progress,
        max_start_c=plan.max_start_c,
    )
    watch = DeviceWatch(read or (lambda: read_counted_state(link)))
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


def device_evidence(
    recording: Recording,
    readings: Sequence[StateReading],
    placements: Sequence[Placement],
    facts: DeviceFacts,
) -> Evidence:
    """What a device told while a row was measured there."""
    all_cpus = _all_cpus(facts)
    allowed = _allowed_cpus(placements, facts)
    states = [reading.state for reading in readings]
    capped = _most_capped(states, used_cpus(placements, facts))
    statuses = [s.thermal_status for s in states if s.thermal_status is not None]
    percents = [s.battery_percent for s in states if s.battery_percent is not None]
    return replace(
        gather_evidence(recording, cpu_count=len(allowed) or 1, machine_cpu_count=len(all_cpus)),
        frequency_cap_ratio=None if capped is None else capped.kept,
        # Measuring is begun at 0; loading may have raised it before the first block.
        thermal_status_rise=max(statuses, default=None),
        cluster_moves=_cluster_moves(placements, facts.cores),
        battery_percent=min(percents, default=None),
        plugged=states[-1].power not in {None, "none"} if states else None,
    )


def _all_cpus(facts: DeviceFacts) -> set[int]:
    return {core.cpu for core in facts.cores} or {0}


def _allowed_cpus(placements: Sequence[Placement], facts: DeviceFacts) -> set[int]:
    mask = placements[-1].allowed_mask if placements else None
    return _all_cpus(facts) & set(cpus_of(mask)) if mask is not None else _all_cpus(facts)


def used_cpus(placements: Sequence[Placement], facts: DeviceFacts) -> set[int]:
    """CPUs on which threads were seen; where that is not told, all on which they might run."""
    seen = {cpu for place in placements for cpu in place.last_cpus}
    return seen or _allowed_cpus(placements, facts)


@dataclass(frozen=True, kw_only=True)
class _Capped:
    """A CPU, and the lowest of the frequencies that it was allowed over the highest before."""

    cpu: int
    kept: float


def _most_capped(states: Sequence[DeviceState], cpus: Collection[int]) -> _Capped | None:
    """Find the CPU that lost the largest share of what it was allowed; None if none is told.

    Each is held to itself: the fastest one hides what others lose, and misses where it is off.
    """
    caps = {cpu: [cap for state in states if (cap := _cap_khz(state, cpu))] for cpu in cpus}
    kept = {cpu: _kept_share(caps_khz) for cpu, caps_khz in caps.items() if caps_khz}
    if not kept:
        return None
    # Of those that lost as much, the fastest: a plot shows it.
    cpu = min(kept, key=lambda cpu: (kept[cpu], -max(caps[cpu])))
    return _Capped(cpu=cpu, kept=kept[cpu])


def _cap_khz(state: DeviceState, cpu: int) -> int | None:
    """Highest frequency that a CPU is allowed; None or 0 where it does not tell."""
    return next((one.allowed_khz for one in state.cpus if one.cpu == cpu), None)


def _kept_share(caps_khz: Sequence[int]) -> float:
    """Lowest over the highest until then: a cap that rises has lost nothing."""
    return min(
        cap / highest for cap, highest in zip(caps_khz, accumulate(caps_khz, max), strict=True)
    )


def _cluster_moves(placements: Sequence[Placement], cores: Sequence[DeviceCore]) -> int:
    # Of CPUs that were off when the device was asked no cluster is known.
    cluster_of = {core.cpu: core.cluster for core in cores}
    seen = [
        {cluster_of[cpu] for cpu in place.last_cpus if cpu in cluster_of} for place in placements
    ]
    return sum(before != after for before, after in pairwise(filter(None, seen)))


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


def state_samples(
    readings: Sequence[StateReading], cpus: Collection[int]
) -> tuple[StateSample, ...]:
    """Shorten readings to what a plot over time shows: of these CPUs that which lost most."""
    capped = _most_capped([reading.state for reading in readings], cpus)
    caps_khz = [capped and _cap_khz(reading.state, capped.cpu) for reading in readings]
    return tuple(
        StateSample(
            at_s=reading.at_s,
            frequency_mhz=cap_khz / 1000 if cap_khz else None,
            temperature_c=heat.temperature_c if (heat := gate_temperature(reading.state)) else None,
            thermal_status=reading.state.thermal_status,
        )
        for reading, cap_khz in zip(readings, caps_khz, strict=True)
    )
