"""What a bench is refused for before anything is put on the device."""

from types import SimpleNamespace

import msgspec
import pytest

from support.bench_fakes import SHORT
from topformer.benchmarks.benches import device
from topformer.benchmarks.benches.device import RunnerPlan, bench_device
from topformer.devices.facts.reading import describe_facts, read_facts
from topformer.errors import TopformerError

PLAN = RunnerPlan(requests=[], mode=SHORT, seed=0, max_start_c=None, cores="big", bundle=None)


def test_no_cluster_is_chosen_while_cpus_are_off(monkeypatch):
    told = {"system": "6.1 aarch64\n", "present": "0-7\n", "online": "0-5\n"}
    facts = describe_facts(told, serial="A1", kind="adb")
    monkeypatch.setattr(device, "read_facts", lambda _: facts)
    with pytest.raises(TopformerError, match="cannot be told now") as raised:
        bench_device(SimpleNamespace(name="A1"), PLAN, on_progress=print, on_warning=print)
    assert "6, 7" in raised.value.why


def test_an_emulator_that_counts_nothing_is_told_what_can_be_measured(local_link, monkeypatch):
    """As Android Studio's: its times say nothing, and nothing else can be had of it."""
    facts = msgspec.structs.replace(
        read_facts(local_link), emulated=True, emulated_because="ro.boot.qemu is 1"
    )
    monkeypatch.setattr(device, "read_facts", lambda _: facts)
    with pytest.raises(TopformerError, match="cannot count instructions") as raised:
        bench_device(local_link, PLAN, on_progress=print, on_warning=print)
    assert "ro.boot.qemu is 1" in raised.value.why
    assert "real device" in raised.value.next_step
