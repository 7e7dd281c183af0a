"""Pickles of a few bytes that would run for ever, or fill the memory, are refused unrun."""

import io
import pickle
import pickletools
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topformer.errors import TopformerError
from topformer.weights.checkpoints import read_checkpoint
from topformer.weights.effort import Effort, TooMuchError

START, STOP = b"\x80\x02", b"."
ORDERED = b"ccollections\nOrderedDict\n"
# An empty tuple in memo 0, and 60 times a tuple of the one before, twice.
DOUBLED = b")q\x00" + b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1])
                               for n in range(60))  # fmt: skip
# A dictionary of 1,000 entries in memo 0.
LARGE = b"}q\x00(" + b"".join(b"M" + n.to_bytes(2, "little") + b"N" for n in range(1000)) + b"u"


def spent(data):
    effort = Effort()
    for opcode, argument, _ in pickletools.genops(data):
        effort.step(opcode.name, argument)
    return effort.spent


def write(tmp_path, data):
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", data)
        archive.writestr("w/version", b"3\n")
        archive.writestr("w/byteorder", b"little")
    return path


# Numbers of one hash: each lies a multiple of Python's modulus above the others.
CLASHING = [b"\x8a\x0a" + ((n + 2) * (2**61 - 1)).to_bytes(10, "little") for n in range(1000)]
NAMES = b"".join(b"ca\n%d\n" % n for n in range(2000))


BOMBS = {
    "a key of 2**60 leaves": START + DOUBLED + b"}h\x3cNs" + STOP,
    "the same among several": START + DOUBLED + b"}(h\x3cNu" + STOP,
    "the same in a list of pairs": START + ORDERED + DOUBLED + b"]h\x3cN\x86a\x85R" + STOP,
    "copies of a dictionary": START + LARGE + (ORDERED + b"h\x00\x85R") * 6000 + STOP,
    "copies that began before it grew": (
        START + b"}q\x00h\x00\x85q\x01" + LARGE.replace(b"}q\x00", b"h\x00")
        + (ORDERED + b"h\x01R") * 6000 + STOP
    ),
    "copies of copies": START + LARGE + ORDERED + b"h\x00\x85Rq\x00"
        + (ORDERED + b"h\x00\x85Rq\x00") * 6000 + STOP,
    "states of a dictionary": START + LARGE + (ORDERED + b")Rh\x00b") * 6000 + STOP,
    "keys of one hash": START + b"}(" + b"".join(key + b"N" for key in CLASHING) + b"u" + STOP,
    "the same in tuples":
        START + b"}(" + b"".join(key + b"\x85N" for key in CLASHING) + b"u" + STOP,
    "storages of one hash":
        START + b"(" + b"".join(key.join((b"(", b"tQ")) for key in CLASHING) + b"t" + STOP,
    "views of one hash":
        START + b"(" + b"".join(key.join((b"(N(", b"ttQ")) for key in CLASHING) + b"t" + STOP,
    "many names": START + b"(" + 2 * NAMES + b"t" + STOP,
    "many calls with many names": START + b"(" + NAMES + (b"ca\n0\n)R" * 2000) + b"t" + STOP,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_are_run(tmp_path, name):
    with pytest.raises(TopformerError) as caught:
        read_checkpoint(write(tmp_path, BOMBS[name]))
    assert "more work than any checkpoint" in caught.value.why


def test_keys_of_the_largest_tuple_may_not_be_many():
    tuples = b"(" + b"N" * 50_000 + b"tq\x00"
    key = b"h\x00Ns"
    assert spent(START + tuples + b"}" + key * 50 + STOP) == 50 * 50_001
    with pytest.raises(TooMuchError):
        spent(START + tuples + b"}" + key * 200 + STOP)


def test_what_the_loader_would_not_find_is_damage(tmp_path):
    for data in (START + b"h\x07" + STOP, START + b"\x86" + STOP, START + b"Nt" + STOP):
        with pytest.raises(TopformerError) as caught:
            read_checkpoint(write(tmp_path, data))
        assert "damaged" in caught.value.why


@pytest.mark.parametrize(
    "names", [(b"ab", b"Ab"), (b"0", b"0\x00"), (b"0", None), (b"x" * 301,)],
    ids=["case", "zero", "number", "long"],
)  # fmt: skip
def test_one_record_has_one_name(tmp_path, names):
    """A record of 100 MB would be read for each of a thousand names."""
    keys = [b"K\x00" if one is None else b"X" + len(one).to_bytes(4, "little") + one
            for one in names]  # fmt: skip
    storages = [
        b"(X\x07\x00\x00\x00storagectorch\nByteStorage\n" + key + b"X\x03\x00\x00\x00cpuK\x01tQ"
        for key in keys
    ]
    twice = START + b"(" + storages[0] * 2 + b"t" + STOP
    assert len(names) == 1 or spent(twice) < 100
    with pytest.raises(TopformerError) as caught:
        read_checkpoint(write(tmp_path, START + b"(" + b"".join(storages) + b"t" + STOP))
    assert "more work than any checkpoint" in caught.value.why


def test_keys_of_checkpoints_are_not_among_those_of_one_hash():
    optimizer = {number: {"step": 1} for number in range(5000)}
    by_address = {140_000_000_000_000 + number: "" for number in range(5000)}
    assert spent(pickle.dumps([optimizer, by_address], protocol=2)) < 100_000


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=30,
)


@settings(max_examples=200)
@given(plain)
def test_sound_values_end_with_one_on_the_stack_and_cost_next_to_nothing(value):
    effort = Effort()
    data = pickle.dumps(value, protocol=2)
    for opcode, argument, _ in pickletools.genops(data):
        effort.step(opcode.name, argument)
    assert effort.ended
    assert len(effort.stack) == 1
    assert effort.spent <= len(data)


def test_a_whole_optimizer_is_far_below_the_limit():
    network = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(300)))
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    stream = io.BytesIO()
    torch.save({"model": network.state_dict(), "optimizer": optimizer.state_dict()}, stream)
    with zipfile.ZipFile(stream) as archive:
        assert 5_000 < spent(archive.read("archive/data.pkl")) < 100_000
