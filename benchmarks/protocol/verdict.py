"""Whether a row can be trusted, and if not, what got in its way and what to do about it.

Thresholds are set so that an idle desktop machine passes. Each reason starts with its cause.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topformer.benchmarks.documents.rows import Latency, VerdictWord
from topformer.benchmarks.protocol.statistics import first_and_last_third

BACKGROUND_SHARE_LIMIT = 0.10
STEAL_SHARE_LIMIT = 0.02
DRIFT_LIMIT = 0.05
FREQUENCY_LOSS_LIMIT = 0.10
QUOTA_SHARE_LIMIT = 0.01
# The highest frequency that the system allows falls in steps of several per cent.
CAP_LOSS_LIMIT = 0.01
BATTERY_LOW_PERCENT = 20
TAIL_LIMIT = 0.15
INTERVAL_LIMIT = 0.06


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the machine told while a row was measured; None where it does not tell."""

    threads: int
    # CPUs that the row may use, and all that the machine has.
    cpu_count: int
    machine_cpu_count: int
    # CPUs kept busy by processes other than the one measured.
    background_cpus: float | None = None
    # Share of the CPUs' time that a hypervisor gave to others.
    steal_share: float | None = None
    # Clock frequency in the last third of the blocks over that in the first; of this machine alone.
    frequency_ratio: float | None = None
    # Share of the time in which a container's CPU quota stopped it.
    quota_share: float | None = None
    # How often the processor or the system reported that it slows down because of heat.
    thermal_events: int | None = None
    # Highest frequency that the system allows a CPU: its lowest over the highest before, on the
    # CPU that lost most.
    frequency_cap_ratio: float | None = None
    # By how much Android's thermal status rose, at most; no device is measured that begins above 0.
    thermal_status_rise: int | None = None
    # How often the threads were seen on cores of another cluster than before.
    cluster_moves: int | None = None
    battery_percent: int | None = None
    plugged: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One word, and the reasons for it."""

    word: VerdictWord
    reasons: tuple[str, ...]


def judge(blocks_ms: NDArray[np.float64], latency: Latency, evidence: Evidence) -> Verdict:
    """Judge samples [blocks, samples] in the order of time, with their summary."""
    throttling = _throttling(evidence)
    noise = [
        *_load(evidence),
        *_cores(evidence),
        *_battery(evidence),
        *_drift(blocks_ms, evidence),
        *_spread(latency),
    ]
    if throttling:
        return Verdict(word="throttled", reasons=(*throttling, *noise))
    return Verdict(word="noisy" if noise else "trusted", reasons=tuple(noise))


def _throttling(evidence: Evidence) -> list[str]:
    reasons: list[str] = []
    ratio = evidence.frequency_ratio
    if ratio is not None and ratio < 1.0 - FREQUENCY_LOSS_LIMIT:
        reasons.append(
            f"throttling: the CPU's frequency fell by {1.0 - ratio:.0%} during the run; "
            "let the machine cool, plug it in, or fix its frequency."
        )
    if evidence.thermal_events:
        reasons.append(
            f"throttling: heat was reported {evidence.thermal_events} times; "
            "let the machine cool and measure again."
        )
    cap = evidence.frequency_cap_ratio
    if cap is not None and cap < 1.0 - CAP_LOSS_LIMIT:
        reasons.append(
            f"throttling: the highest frequency that the system allows fell by {1.0 - cap:.0%}; "
            "let the device cool, and switch battery savers off."
        )
    if evidence.thermal_status_rise:
        reasons.append(
            f"throttling: the thermal status rose by {evidence.thermal_status_rise}; "
            "let the device cool, take it out of its case, or use a shorter --mode."
        )
    if evidence.quota_share is not None and evidence.quota_share > QUOTA_SHARE_LIMIT:
        reasons.append(
            f"throttling: the container's CPU quota stopped it {evidence.quota_share:.0%} of the "
            "time; give it more CPUs or use fewer threads."
        )
    return reasons


def _load(evidence: Evidence) -> list[str]:
    reasons: list[str] = []
    if evidence.threads > evidence.cpu_count:
        reasons.append(
            f"load: {evidence.threads} threads share {evidence.cpu_count} CPUs; use fewer threads."
        )
    busy = evidence.background_cpus
    if busy is not None and busy / evidence.machine_cpu_count > BACKGROUND_SHARE_LIMIT:
        reasons.append(
            f"load: other processes kept {busy:.1f} of {evidence.machine_cpu_count} CPUs busy; "
            "close them and measure again."
        )
    if evidence.steal_share is not None and evidence.steal_share > STEAL_SHARE_LIMIT:
        reasons.append(
            f"load: the hypervisor gave {evidence.steal_share:.0%} of the CPUs' time to others; "
            "measure at a quieter time or on a machine of your own."
        )
    return reasons


def _cores(evidence: Evidence) -> list[str]:
    if not evidence.cluster_moves:
        return []
    return [
        f"cores: the threads moved between clusters {evidence.cluster_moves} times; "
        "hold them on one with --cores big."
    ]


def _battery(evidence: Evidence) -> list[str]:
    level = evidence.battery_percent
    if level is None or level >= BATTERY_LOW_PERCENT or evidence.plugged:
        return []
    return [f"battery: at {level} % and not plugged in, where phones save power; charge it."]


def _drift(blocks_ms: NDArray[np.float64], evidence: Evidence) -> list[str]:
    first, last = first_and_last_third(blocks_ms)
    change = last / first - 1.0
    if abs(change) <= DRIFT_LIMIT:
        return []
    return [
        f"drift: the last third of the run was {abs(change):.0%} "
        f"{'slower' if change > 0 else 'faster'} than the first{_unseen_heat(evidence)}."
    ]


def _unseen_heat(evidence: Evidence) -> str:
    """Say that heat may be behind a drift, where nothing was seen that tells."""
    if evidence.frequency_ratio is not None or evidence.thermal_status_rise is not None:
        return ""
    if evidence.frequency_cap_ratio is None:
        return "; the CPU's frequency cannot be read here, so heat is not ruled out"
    # Firmware may slow a CPU down below what the system allows.
    return "; the CPU's clock itself was not seen, only its limit, so heat is not ruled out"


def _spread(latency: Latency) -> list[str]:
    reasons: list[str] = []
    tail = latency.p90 / latency.p50 - 1.0
    if tail > TAIL_LIMIT:
        reasons.append(
            f"spread: one run in ten took {tail:.0%} longer than the median or more; "
            "something interrupts this machine."
        )
    width = (latency.ci95[1] - latency.ci95[0]) / latency.p50
    if width > INTERVAL_LIMIT:
        reasons.append(f"spread: the median is known to {width:.0%} only; use a longer --mode.")
    return reasons
