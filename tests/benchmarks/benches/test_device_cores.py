"""What a bench is refused for before anything is put on the device."""

from types import SimpleNamespace

import pytest

from support.bench_fakes import SHORT
from topformer.benchmarks.benches import device
from topformer.benchmarks.benches.device import RunnerPlan, bench_device
from topformer.devices.facts.reading import describe_facts
from topformer.errors import TopformerError


def test_no_cluster_is_chosen_while_cpus_are_off(monkeypatch):
    told = {"system": "6.1 aarch64\n", "present": "0-7\n", "online": "0-5\n"}
    facts = describe_facts(told, serial="A1", kind="adb")
    monkeypatch.setattr(device, "read_facts", lambda _: facts)
    plan = RunnerPlan(requests=[], mode=SHORT, seed=0, max_start_c=None, cores="big", bundle=None)
    with pytest.raises(TopformerError, match="cannot be told now") as raised:
        bench_device(SimpleNamespace(name="A1"), plan, on_progress=print, on_warning=print)
    assert "6, 7" in raised.value.why
