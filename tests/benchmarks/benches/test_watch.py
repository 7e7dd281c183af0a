"""What a device's states around the blocks tell, on made-up states."""

import time
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.bench_fakes import SHORT, ScriptedWorker, record, request, scripted_recording
from topformer.benchmarks.benches import watch
from topformer.benchmarks.benches.watch import (
    DeviceWatch,
    cores_used,
    device_evidence,
    state_samples,
)
from topformer.benchmarks.documents.bench import StateReading
from topformer.devices.facts.documents import (
    CpuState,
    DeviceCore,
    DeviceState,
    Temperature,
)
from topformer.devices.facts.reading import CountedState, Placement, describe_facts
from topformer.devices.machine import Counters

UNCOUNTED = Counters(
    at_s=None, busy_s=None, stolen_s=None, quota_stopped_s=None, thermal_events=None,
    frequency_mhz=None,
)  # fmt: skip
NOWHERE = Placement(allowed_mask=None, last_cpus=())


def state(*, allowed_khz=2_000_000, status=0, percent=80, power="usb", skin_c=30.0):
    return DeviceState(
        cpus=tuple(
            CpuState(
                cpu=cpu,
                online=True,
                current_khz=khz,
                allowed_khz=min(khz, allowed_khz),
                governor=None,
            )
            for cpu, khz in ((0, 1_000_000), (1, 2_000_000))
        ),
        thermal_status=status,
        temperatures=(Temperature(sensor="skin", kind="skin", temperature_c=skin_c),),
        battery_percent=percent,
        battery_temperature_c=None,
        power=power,
        memory_available_bytes=None,
        busy_s=None,
        stolen_s=None,
        load_average=None,
    )


def facts():
    described = describe_facts({"system": "6.1 aarch64\n"}, serial="A1", kind="adb")
    cores = tuple(
        DeviceCore(cpu=cpu, core=None, max_khz=None, capacity=None, cluster=cpu) for cpu in (0, 1)
    )
    return msgspec.structs.replace(described, cores=cores)


def evidence(*states, placements=()):
    readings = [StateReading(at_s=float(at), state=one) for at, one in enumerate(states)]
    return device_evidence(scripted_recording(request("row")), readings, placements, facts())


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def counted(number):
    """Make the n-th reading: it takes 0.5 s, after 2 s without one."""
    first, last = (
        replace(UNCOUNTED, at_s=2.5 * number + more_s, busy_s=3.0 * number + more_s)
        for more_s in (0.0, 0.5)
    )
    return CountedState(state=state(), first=first, last=last, placement=NOWHERE)


def test_the_state_after_a_block_is_that_before_the_next():
    clock, numbers = Clock(), count()
    watch = DeviceWatch(lambda: counted(next(numbers)), clock=clock)
    watch.before_block()
    clock.now_s += 5.0
    assert watch.after_block().at_s == 2.5
    assert watch.before_block().at_s == 3.0
    clock.now_s += 5.0
    watch.before_block()
    assert [reading.at_s for reading in watch.readings] == [0.0, 5.0, 10.0]


def test_the_work_of_reading_the_state_is_not_in_a_block():
    numbers = count()
    worker = ScriptedWorker(request("row"), execute_ms=1.0)
    watch = DeviceWatch(lambda: counted(next(numbers)), clock=Clock())
    recorded = record([worker], mode=replace(SHORT, rounds=2), surroundings=watch)
    for block in recorded.recordings[0].blocks:
        assert block.after.at_s - block.before.at_s == 2.0
        assert block.after.busy_s - block.before.busy_s == 2.5


def test_the_first_reading_is_made_before_the_first_block_begins():
    """As where a device is far away: blocks and readings have one beginning."""

    def read():
        time.sleep(0.3)
        return counted(0)

    worker = ScriptedWorker(request("row"), execute_ms=1.0)
    watch = DeviceWatch(read)
    recorded = record([worker], mode=replace(SHORT, rounds=1), surroundings=watch)
    assert recorded.recordings[0].blocks[0].start_s < 0.2
    assert len(watch.readings) == 2


def test_what_else_is_asked_of_a_device_is_in_no_block(monkeypatch):
    numbers = count()
    monkeypatch.setattr(watch, "wait_until_cool", lambda *_, **__: None)
    watched = watch.run_watched_rounds(
        SimpleNamespace(name="A1"),
        [ScriptedWorker(request("row"), execute_ms=1.0)],
        watch.DevicePlan(requests=(), mode=replace(SHORT, rounds=2), seed=0, max_start_c=None),
        on_progress=lambda _: None,
        read=lambda: counted(next(numbers)),
    )
    assert len(watched.readings) == next(numbers)
    for block in watched.recorded.recordings[0].blocks:
        assert block.after.at_s - block.before.at_s == 2.0


def test_a_cap_that_falls_is_seen():
    assert evidence(state(), state(allowed_khz=1_500_000)).frequency_cap_ratio == 0.75
    assert evidence(state(), state()).frequency_cap_ratio == 1.0


def test_a_cap_that_falls_and_comes_back_is_seen():
    states = (state(), state(allowed_khz=1_500_000), state(), state())
    assert evidence(*states).frequency_cap_ratio == 0.75


def test_a_cap_that_is_not_told_once_hides_no_other():
    torn = msgspec.structs.replace(state(), cpus=())
    assert evidence(state(), torn, state(allowed_khz=1_500_000)).frequency_cap_ratio == 0.75


def test_a_cap_counts_on_the_cores_that_were_used():
    little = [Placement(allowed_mask=0b01, last_cpus=(0,))]
    assert (
        evidence(state(), state(allowed_khz=1_500_000), placements=little).frequency_cap_ratio
        == 1.0
    )


def capped_at(*caps_khz):
    """Make a state of CPUs that tell these caps; None is one that is switched off."""
    cpus = tuple(
        CpuState(cpu=cpu, online=True, current_khz=None, allowed_khz=khz, governor=None)
        for cpu, khz in enumerate(caps_khz)
        if khz is not None
    )
    return msgspec.structs.replace(state(), cpus=cpus)


@pytest.mark.parametrize(
    ("caps_khz", "ratio"),
    [
        # A slower CPU is throttled, and the fastest is not.
        ([(2_400_000, 2_800_000), (1_200_000, 2_800_000)], 0.5),
        # The fastest is switched off for a moment.
        ([(1_800_000, 2_800_000), (1_800_000, None), (1_800_000, 2_800_000)], 1.0),
        # A cap that rises lost nothing; one that falls after that did.
        ([(1_500_000,), (3_000_000,)], 1.0),
        ([(1_500_000,), (3_000_000,), (1_500_000,)], 0.5),
    ],
)
def test_a_cap_is_held_to_what_the_same_cpu_was_allowed_before(caps_khz, ratio):
    assert evidence(*(capped_at(*caps) for caps in caps_khz)).frequency_cap_ratio == ratio


def test_a_cap_counts_where_the_threads_were_seen():
    places = [Placement(allowed_mask=0b11, last_cpus=(1,))]
    idle_falls = (capped_at(1_800_000, 2_800_000), capped_at(900_000, 2_800_000))
    assert evidence(*idle_falls, placements=places).frequency_cap_ratio == 1.0
    untold = [Placement(allowed_mask=0b11, last_cpus=())]
    assert evidence(*idle_falls, placements=untold).frequency_cap_ratio == 0.5


CAPS_KHZ = st.none() | st.integers(0, 3).map(lambda step: step * 700_000)


@given(st.lists(st.tuples(CAPS_KHZ, CAPS_KHZ), max_size=6))
def test_the_plot_shows_the_fall_that_the_verdict_tells(caps_khz):
    states = [capped_at(*caps) for caps in caps_khz]
    falls = [
        after / before
        for series in zip(*caps_khz, strict=True)
        for number, after in enumerate(series)
        for before in series[: number + 1]
        if before and after
    ]
    ratio = evidence(*states).frequency_cap_ratio
    assert ratio == min((*falls, 1.0)) if falls else ratio is None
    readings = [StateReading(at_s=float(at), state=one) for at, one in enumerate(states)]
    drawn_mhz = [sample.frequency_mhz for sample in state_samples(readings, {0, 1})]
    told_mhz = [mhz for mhz in drawn_mhz if mhz is not None]
    shown = [mhz / max(told_mhz[: number + 1]) for number, mhz in enumerate(told_mhz)]
    assert min(shown, default=None) == ratio


def test_a_status_that_rises_and_falls_again_is_seen():
    assert evidence(state(), state(status=2), state()).thermal_status_rise == 2


def test_a_status_that_has_risen_before_the_first_block_is_seen():
    """The start waits for 0; loading comes after it."""
    assert evidence(state(status=1), state(status=1)).thermal_status_rise == 1


def test_the_lowest_battery_and_the_last_plug_count():
    found = evidence(state(percent=30), state(percent=12, power="none"))
    assert (found.battery_percent, found.plugged) == (12, False)


def test_moves_between_clusters_are_counted():
    places = [Placement(allowed_mask=0b11, last_cpus=cpus) for cpus in ((0,), (1,), (1,), (0,))]
    assert evidence(state(), state(), placements=places).cluster_moves == 2


def test_what_is_not_known_of_clusters_is_no_move():
    # CPU 2 was switched off when the device was described, and once no CPU was told.
    seen = ((1,), (1, 2), (2,), (), (1,))
    places = [Placement(allowed_mask=0b111, last_cpus=cpus) for cpus in seen]
    assert evidence(state(), state(), placements=places).cluster_moves == 0


def test_a_device_that_tells_nothing_leaves_no_evidence():
    found = evidence()
    assert (found.frequency_cap_ratio, found.thermal_status_rise) == (None, None)
    assert (found.battery_percent, found.plugged) == (None, None)
    assert found.cluster_moves == 0


def test_a_plot_over_time_shows_frequency_and_temperature():
    read = state(skin_c=41.5, status=1, allowed_khz=1_500_000)
    (sample,) = state_samples([StateReading(at_s=3.0, state=read)], {0, 1})
    assert (sample.at_s, sample.frequency_mhz) == (3.0, 1500.0)
    assert (sample.temperature_c, sample.thermal_status) == (41.5, 1)


def test_a_row_says_where_it_ran():
    placements = (Placement(allowed_mask=0b10, last_cpus=(1,)),)
    cores = cores_used(placements, facts(), requested_mask=0b10)
    assert (cores.requested, cores.effective, cores.cluster) == ("2", "2", "big")
    assert cores_used(placements, facts(), requested_mask=None).requested is None
    assert cores_used((), facts(), requested_mask=0b10) is None
    some_off = msgspec.structs.replace(facts(), offline=(2,))
    assert cores_used(placements, some_off, requested_mask=0b10).cluster is None


def test_a_device_has_a_name():
    assert facts().name == "A1"
    assert msgspec.structs.replace(facts(), manufacturer="Maker", model="M1").name == "Maker M1"
