import numpy as np
import pytest

from topformer.benchmarks.protocol.statistics import summarise
from topformer.benchmarks.protocol.verdict import Evidence, judge

QUIET = {
    "threads": 1,
    "cpu_count": 4,
    "machine_cpu_count": 4,
    "background_cpus": 0.05,
    "steal_share": 0.0,
    "frequency_ratio": 0.99,
    "quota_share": 0.0,
    "thermal_events": 0,
}


def steady(rounds=30, samples=8) -> np.ndarray:
    return np.random.default_rng(0).normal(10.0, 0.1, (rounds, samples))


def verdict_of(blocks=None, **evidence):
    blocks = steady() if blocks is None else blocks
    return judge(blocks, summarise(blocks, seed=0), Evidence(**(QUIET | evidence)))


def test_a_quiet_machine_is_trusted_without_reasons():
    verdict = verdict_of()
    assert (verdict.word, verdict.reasons) == ("trusted", ())


def test_a_machine_that_tells_nothing_is_judged_by_its_samples():
    silent = dict.fromkeys(
        ("background_cpus", "steal_share", "frequency_ratio", "quota_share", "thermal_events")
    )
    assert verdict_of(**silent).word == "trusted"


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"background_cpus": 1.3}, "load: other processes kept 1.3 of 4 CPUs busy"),
        ({"steal_share": 0.07}, "load: the hypervisor gave 7%"),
        ({"threads": 8}, "load: 8 threads share 4 CPUs"),
    ],
)
def test_load_makes_noise(evidence, words):
    verdict = verdict_of(**evidence)
    assert verdict.word == "noisy"
    assert verdict.reasons[0].startswith(words)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"frequency_ratio": 0.7}, "frequency fell by 30%"),
        ({"thermal_events": 3}, "heat was reported 3 times"),
        ({"quota_share": 0.2}, "CPU quota stopped it 20%"),
    ],
)
def test_throttling_is_named_before_noise(evidence, words):
    verdict = verdict_of(**evidence, background_cpus=2.0)
    assert verdict.word == "throttled"
    assert words in verdict.reasons[0]
    assert [reason.partition(":")[0] for reason in verdict.reasons] == ["throttling", "load"]


@pytest.mark.parametrize(("end", "word"), [(1.2, "slower"), (0.8, "faster")])
def test_drift_is_noise_either_way(end, word):
    blocks = steady() * np.linspace(1.0, end, 30)[:, np.newaxis]
    verdict = verdict_of(blocks)
    assert verdict.word == "noisy"
    assert verdict.reasons[0].startswith("drift: ")
    assert word in verdict.reasons[0]
    assert "cannot be read" not in verdict.reasons[0]


def test_drift_on_a_machine_that_hides_its_frequency_says_so():
    blocks = steady() * np.linspace(1.0, 1.2, 30)[:, np.newaxis]
    assert "heat is not ruled out" in verdict_of(blocks, frequency_ratio=None).reasons[0]
    for told in (
        {"thermal_status_rise": 0},
        {"thermal_status_rise": 0, "frequency_cap_ratio": 1.0},
    ):
        (reason,) = verdict_of(blocks, frequency_ratio=None, **told).reasons
        assert "heat" not in reason


def test_a_limit_that_stays_does_not_rule_out_heat():
    blocks = steady() * np.linspace(1.0, 1.2, 30)[:, np.newaxis]
    (reason,) = verdict_of(blocks, frequency_ratio=None, frequency_cap_ratio=1.0).reasons
    assert "clock itself was not seen, only its limit, so heat is not ruled out" in reason
    (reason,) = verdict_of(blocks, frequency_cap_ratio=1.0).reasons
    assert "heat" not in reason


def test_a_heavy_tail_is_spread():
    blocks = steady()
    blocks[:, -2:] *= 1.5
    verdict = verdict_of(blocks)
    assert verdict.word == "noisy"
    assert "spread: one run in ten took 5" in verdict.reasons[0]


def test_an_uncertain_median_is_spread():
    blocks = np.full((4, 5), 10.0)
    blocks[::2] = 11.0
    assert any("the median is known to 10%" in reason for reason in verdict_of(blocks).reasons)


def test_one_slow_sample_alone_is_no_reason():
    blocks = steady()
    blocks[3, 3] = 80.0
    assert verdict_of(blocks).word == "trusted"


@pytest.mark.parametrize(
    ("evidence", "word", "words"),
    [
        (
            {"frequency_cap_ratio": 0.8},
            "throttled",
            "highest frequency that the system allows fell",
        ),
        ({"thermal_status_rise": 1}, "throttled", "the thermal status rose by 1; let the device"),
        ({"cluster_moves": 4}, "noisy", "moved between clusters 4 times; hold them on one with"),
        ({"battery_percent": 12, "plugged": False}, "noisy", "battery: at 12 % and not plugged in"),
    ],
)
def test_what_devices_tell_counts_and_says_its_cure(evidence, word, words):
    verdict = verdict_of(**evidence)
    assert verdict.word == word
    assert words in verdict.reasons[0]


@pytest.mark.parametrize(
    "evidence",
    [
        {"frequency_cap_ratio": 1.0, "thermal_status_rise": 0, "cluster_moves": 0},
        {"battery_percent": 12, "plugged": True},
        {"battery_percent": 90, "plugged": False},
    ],
)
def test_a_cool_device_that_keeps_its_cores_is_trusted(evidence):
    assert verdict_of(**evidence).word == "trusted"
