from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.bench_fakes import ScriptedWorker, request
from topformer.benchmarks.documents.runner import Measured, SampleNs
from topformer.benchmarks.protocol.recording import Block, Recording, gather_evidence
from topformer.devices.machine import Counters
from topformer.documents import Number

SAMPLE = SampleNs(preprocess=1, execute=1, postprocess=1)


def counters(**known):
    unknown = dict.fromkeys(
        ("at_s", "busy_s", "stolen_s", "quota_stopped_s", "thermal_events", "frequency_mhz")
    )
    return Counters(**(unknown | known))


def recording_of(pairs, *, cpu_s=0.9):
    asked = request("row", threads=2)
    blocks = [
        Block(
            measured=Measured(
                samples=(SAMPLE,), warmups=(), cpu_ns=int(cpu_s * 1e9), peak_memory_bytes=1
            ),
            start_s=float(number),
            elapsed_s=5.0,
            before=before,
            after=after,
        )
        for number, (before, after) in enumerate(pairs)
    ]
    loaded = ScriptedWorker(asked, execute_ms=1.0).load(warmups=0)
    return Recording(request=asked, loaded=loaded, blocks=blocks)


def lasting(before, after, *, elapsed_s=1.0):
    return replace(before, at_s=7.0), replace(after, at_s=7.0 + elapsed_s)


def evidence_of(pairs, **keywords):
    return gather_evidence(recording_of(pairs, **keywords), cpu_count=2, machine_cpu_count=4)


def test_background_is_what_was_busy_without_the_worker():
    pairs = [lasting(counters(busy_s=10.0), counters(busy_s=12.4))] * 3
    assert evidence_of(pairs).background_cpus == pytest.approx(1.5)


def test_background_is_never_negative():
    pairs = [lasting(counters(busy_s=10.0), counters(busy_s=10.5))]
    assert evidence_of(pairs).background_cpus == 0.0


def test_load_is_of_the_time_in_which_it_was_counted():
    pairs = [lasting(counters(busy_s=10.0), counters(busy_s=14.9), elapsed_s=2.0)]
    assert evidence_of(pairs).background_cpus == pytest.approx(2.0)


@pytest.mark.parametrize("elapsed_s", [0.0, -1.0])
def test_a_clock_that_does_not_go_tells_no_load(elapsed_s):
    told = counters(busy_s=10.0, stolen_s=1.0, quota_stopped_s=1.0)
    evidence = evidence_of([lasting(told, told, elapsed_s=elapsed_s)])
    assert (evidence.background_cpus, evidence.steal_share, evidence.quota_share) == (None,) * 3


# What a device's /proc/stat and /proc/uptime may say at most, and at least.
COUNTER_S = st.floats(0.0, 5e13)


@given(COUNTER_S, COUNTER_S, st.floats(-1.0, 10.0))
def test_no_more_cpus_are_busy_than_there_are(before_s, after_s, elapsed_s):
    pairs = [lasting(counters(busy_s=before_s), counters(busy_s=after_s), elapsed_s=elapsed_s)]
    background = evidence_of(pairs).background_cpus
    assert background is None or 0.0 <= background <= 4.0 * (1.0 + 1e-9)
    msgspec.convert(background, Number | None)


def test_counters_are_summed_over_the_blocks():
    before = counters(stolen_s=1.0, quota_stopped_s=5.0, thermal_events=7)
    after = counters(stolen_s=1.2, quota_stopped_s=5.1, thermal_events=8)
    evidence = evidence_of([lasting(before, after)] * 2)
    assert evidence.steal_share == pytest.approx(0.4 / 2 / 4)
    assert evidence.quota_share == pytest.approx(0.1)
    assert evidence.thermal_events == 2


def test_the_frequency_of_the_last_third_is_compared_with_the_first():
    pairs = [
        (counters(), counters(frequency_mhz=mhz)) for mhz in (3000, 3000, 2500, 2500, 2000, 1500)
    ]
    assert evidence_of(pairs).frequency_ratio == pytest.approx(1750 / 3000)


def test_what_cannot_be_read_even_once_is_not_guessed():
    pairs = [
        lasting(counters(busy_s=1.0), counters(busy_s=2.0, frequency_mhz=3000)),
        (counters(), counters()),
    ]
    evidence = evidence_of(pairs)
    assert evidence.background_cpus is None
    assert evidence.frequency_ratio is None
    assert evidence.thermal_events is None
