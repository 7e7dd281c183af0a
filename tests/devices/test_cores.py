"""Clusters, masks, and where programs ran."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.devices.facts.cores import (
    choose_mask,
    cluster_cores,
    cluster_word,
    cpus_of,
    mask_of,
    parse_allowed,
    parse_last_cpus,
)
from topformer.devices.facts.parsing import CpuTable, parse_cpu_files, parse_cpu_table
from topformer.errors import TopformerError, UsageError


@pytest.fixture
def tensor(dump):
    table = parse_cpu_table(dump("cpuinfo-tensor.txt"))
    return cluster_cores(table, parse_cpu_files(dump("cpufiles-tensor.txt")))


@pytest.mark.parametrize(
    ("wanted", "mask"),
    [("little", 0x0F), ("mid", 0x30), ("big", 0xC0), ("f0", 0xF0), ("0x81", 0x81)],
)
def test_words_and_masks(tensor, wanted, mask):
    assert choose_mask(wanted, tensor) == mask


@pytest.mark.parametrize("wanted", ["", "0", "gold", "-1", "f0; reboot", "0x", "f" * 65])
def test_what_names_no_cores(tensor, wanted):
    with pytest.raises(UsageError, match="names no cores"):
        choose_mask(wanted, tensor)


@pytest.mark.parametrize("wanted", ["big", "mid", "little"])
def test_a_cluster_is_not_named_while_cpus_are_off(tensor, wanted):
    awake = tensor[:6]
    with pytest.raises(TopformerError, match="cannot be told") as raised:
        choose_mask(wanted, awake, offline=(6, 7))
    assert "6, 7" in raised.value.why
    # The fastest of those that are on.
    assert raised.value.next_step.endswith("as in --cores 30.")
    assert choose_mask("30", awake, offline=(6, 7)) == 0x30
    assert cluster_word(0x30, awake) == "big"
    assert cluster_word(0x30, awake, offline=(6, 7)) is None


def test_cpus_that_are_off_are_not_denied(tensor):
    with pytest.raises(TopformerError, match="CPUs c0 of this device are switched off") as raised:
        choose_mask("f0", tensor[:6], offline=(6, 7))
    assert "on are 3f" in raised.value.why
    assert "mask of those" in raised.value.next_step
    with pytest.raises(TopformerError, match="has no CPUs 100"):
        choose_mask("130", tensor[:6], offline=(6, 7))


def test_cpus_that_are_not_there(tensor):
    with pytest.raises(TopformerError, match="no CPUs 100") as raised:
        choose_mask("1f0", tensor)
    assert "ff" in raised.value.why


def test_two_clusters_have_no_middle():
    files = {n: {"cpu_capacity": "200" if n < 4 else "1024"} for n in range(8)}
    cores = cluster_cores(CpuTable(), files)
    assert (choose_mask("little", cores), choose_mask("big", cores)) == (0x0F, 0xF0)
    with pytest.raises(TopformerError, match="no mid cores"):
        choose_mask("mid", cores)


def test_a_device_whose_cores_are_alike_or_unknown():
    alike = cluster_cores(CpuTable(), {0: {}, 1: {}})
    for cores in (alike, ()):
        with pytest.raises(TopformerError, match="no big cores") as raised:
            choose_mask("big", cores)
        assert "--cores" in raised.value.next_step
    assert choose_mask("3", ()) == 3


@given(st.sets(st.integers(0, 255)))
def test_masks_and_cpus_are_one(cpus):
    assert set(cpus_of(mask_of(cpus))) == cpus


def test_this_process_tells_its_cpus():
    status = Path("/proc/self/status").read_text()
    assert parse_allowed(status) == mask_of(os.sched_getaffinity(0))
    stats = "".join(p.read_text() for p in Path("/proc/self/task").glob("*/stat"))
    assert parse_last_cpus(stats)


def test_names_of_threads_may_hold_anything():
    fields = " ".join(["S", *["0"] * 35, "6", "0"])
    assert parse_last_cpus(f"12 (a) 1 2 (b)) {fields}\n13 (x y) {fields}\n14 torn") == (6,)
    assert parse_allowed("Cpus_allowed:\tff,00000001\n") == 0xFF00000001


@given(st.text(max_size=300))
def test_no_text_does_harm(text):
    assert len(parse_last_cpus(text)) <= 256
    parse_allowed(text)
    parse_allowed(f"Cpus_allowed:\t{text}\n")
