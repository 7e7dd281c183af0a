import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.devices import machine

PROC_STAT = "cpu  100 20 30 4000 50 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n"
TICKS = os.sysconf("SC_CLK_TCK")


def test_proc_stat_gives_busy_and_stolen_seconds():
    assert machine.parse_proc_stat(PROC_STAT) == (163 / TICKS, 8 / TICKS)


@pytest.mark.parametrize(
    "text", [None, "", "cpu 1 2 3", "cpu  0 0 0 0 0 0 0 0 0 0", "cpu a b c d e f g h"]
)
def test_a_proc_stat_that_tells_nothing_is_none(text):
    assert machine.parse_proc_stat(text) == (None, None)


def test_cgroup_files():
    assert machine.parse_quota("150000 100000") == 1.5
    assert machine.parse_quota("max 100000") is None
    assert machine.parse_quota(None) is None
    assert machine.parse_quota_stop("usage_usec 5\nthrottled_usec 2500000\n") == 2.5
    assert machine.parse_quota_stop("usage_usec 5\n") is None


def test_processor_names():
    assert machine.parse_cpuinfo("processor\t: 0\nmodel name\t: Fast One\n") == "Fast One"
    assert machine.parse_cpuinfo("processor : 0\nCPU part : 0xd0b\n") == "ARM part 0xd0b"
    assert machine.parse_cpuinfo(None) == ""


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("sh", "-c", r"printf 'Apple \377\n'"), "Apple \N{REPLACEMENT CHARACTER}"),
        (("yes",), "arm"),
        (("/nowhere/sysctl",), "arm"),
    ],
)
def test_processor_names_on_macos(monkeypatch, command, name):
    monkeypatch.setattr(machine, "BRAND_COMMAND", command)
    monkeypatch.setattr(machine.platform, "processor", lambda: "arm")
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert machine.cpu_model() == name


@given(st.text())
def test_parsers_take_any_text(text):
    machine.parse_proc_stat(text)
    machine.parse_quota(text)
    machine.parse_quota_stop(text)
    machine.parse_cpuinfo(text)


def test_this_machine_describes_itself():
    assert machine.cpu_count() >= 1
    assert machine.cpu_model()
    first, second = machine.read_counters(), machine.read_counters()
    stat = Path("/proc/stat")
    fields = stat.read_text().split()[1:9] if stat.exists() else []
    if any(map(int, fields)):  # some sandboxes show a table of zeros
        assert second.busy_s >= first.busy_s > 0
