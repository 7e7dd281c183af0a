"""What a device's states around the blocks give away, on made-up states."""

import msgspec
import pytest

from support.bench_fakes import CHECK, request, scripted_recording
from topformer.benchmarks.benches.device_rows import RowSetting, counted_row, measured_row
from topformer.benchmarks.benches.watch import Watch, device_evidence, state_samples
from topformer.benchmarks.documents.bench import StateReading
from topformer.benchmarks.protocol.modes import COUNTING
from topformer.devices.facts.documents import (
    CpuState,
    DeviceCore,
    DeviceState,
    Temperature,
)
from topformer.devices.facts.reading import describe_facts
from topformer.devices.workspace import Placement
from topformer.errors import TopformerError


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


def test_the_state_after_a_block_is_that_before_the_next():
    clock = Clock()
    watch = Watch(state, clock=clock)
    watch.counters()
    clock.now_s += 5.0
    after = watch.counters()
    assert watch.counters() == after
    clock.now_s += 5.0
    watch.counters()
    assert [reading.at_s for reading in watch.readings] == [0.0, 5.0, 10.0]
    assert after.frequency_mhz == 2000.0


def test_a_cap_that_falls_is_seen():
    assert evidence(state(), state(allowed_khz=1_500_000)).frequency_cap_ratio == 0.75
    assert evidence(state(), state()).frequency_cap_ratio == 1.0


def test_a_cap_counts_on_the_cores_that_were_used():
    little = [Placement(allowed_mask=0b01, last_cpus=(0,))]
    assert (
        evidence(state(), state(allowed_khz=1_500_000), placements=little).frequency_cap_ratio
        == 1.0
    )


def test_a_status_that_rises_and_falls_again_is_seen():
    assert evidence(state(), state(status=2), state()).thermal_status_rise == 2


def test_the_lowest_battery_and_the_last_plug_count():
    found = evidence(state(percent=30), state(percent=12, power="none"))
    assert (found.battery_percent, found.plugged) == (12, False)


def test_moves_between_clusters_are_counted():
    places = [Placement(allowed_mask=0b11, last_cpus=cpus) for cpus in ((0,), (1,), (1,), (0,))]
    assert evidence(state(), state(), placements=places).cluster_moves == 2


def test_a_device_that_tells_nothing_gives_nothing_away():
    found = evidence()
    assert (found.frequency_cap_ratio, found.thermal_status_rise) == (None, None)
    assert (found.battery_percent, found.plugged) == (None, None)
    assert found.cluster_moves == 0


def test_a_plot_over_time_shows_frequency_and_temperature():
    (sample,) = state_samples([StateReading(at_s=3.0, state=state(skin_c=41.5, status=1))])
    assert (sample.at_s, sample.frequency_mhz) == (3.0, 2000.0)
    assert (sample.temperature_c, sample.thermal_status) == (41.5, 1)


def setting(**changes):
    placements = (Placement(allowed_mask=0b10, last_cpus=(1,)),)
    values = {"facts": facts(), "requested_mask": 0b10, "placements": placements, "check": CHECK}
    return RowSetting(**(values | changes))


def test_a_row_says_where_it_ran_and_that_it_was_checked():
    readings = [StateReading(at_s=0.0, state=state(percent=5, power="none"))]
    row = measured_row(scripted_recording(request("row")), setting(), readings=readings, seed=0)
    assert (row.cores.requested, row.cores.effective, row.cores.cluster) == ("2", "2", "big")
    assert (row.check, row.device) == (CHECK, "A1")
    assert any(reason.startswith("battery: at 5 %") for reason in row.reasons)


def log_of(runs):
    lines = [f"{4 * run + stage}" for run in range(runs) for stage in range(4)]
    marks = "".join(f"{at % 4} {1000 + 10 * int(line)}\n" for at, line in enumerate(lines))
    return f"topformer-instructions/1 cpu=cortex-a76\n{marks}".encode()


def test_an_emulated_row_counts_the_samples_alone():
    recording = scripted_recording(request("row"), mode=COUNTING)
    row = counted_row(recording, setting(), log=log_of(1 + 1 + 3))
    assert row.instructions.samples == ((10, 10, 10),) * 3
    assert row.instructions.total == 30


@pytest.mark.parametrize("runs", [0, 4, 6])
def test_runs_that_are_missing_or_too_many_are_refused(runs):
    recording = scripted_recording(request("row"), mode=COUNTING)
    with pytest.raises(TopformerError, match=f"counted {runs} runs of 5"):
        counted_row(recording, setting(), log=log_of(runs))
