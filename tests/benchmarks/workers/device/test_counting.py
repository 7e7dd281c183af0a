"""The log of an emulator that counts instructions; any bytes may come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topformer.benchmarks.workers.device.counting import InstructionLog, parse_log
from topformer.errors import TopformerError

HEADER = "topformer-instructions/1 cpu=cortex-a76\n"
RUN = "0 100\n1 110\n2 310\n3 340\n"


def test_marks_become_the_instructions_of_each_part():
    log = parse_log(f"{HEADER}{RUN}0 400\n1 411\n2 611\n3 640\n".encode())
    assert log == InstructionLog(cpu="cortex-a76", runs=((10, 200, 30), (11, 200, 29)))


def test_a_program_that_never_ran_a_model_has_no_runs():
    assert parse_log(HEADER.encode()).runs == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "header"),
        (RUN, "header"),
        ("topformer-instructions/2 cpu=a\n", "header"),
        (HEADER + "0 100\n1 110\n2 310\n", "whole runs"),
        (HEADER + "0 100\n2 110\n1 310\n3 320\n", "whole runs"),
        (HEADER + "0 100\n1 100\n2 310\n3 320\n", "grow"),
        (HEADER + "0 100\n1 90\n2 310\n3 320\n", "grow"),
        (HEADER + "4 100\n", "no mark"),
        (HEADER + "0 -1\n", "no mark"),
        (HEADER + RUN + "0 1000000000000000000\n", "no mark"),
    ],
)
def test_anything_else_is_refused(text, complaint):
    with pytest.raises(TopformerError) as caught:
        parse_log(text.encode())
    assert complaint in caught.value.why


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: (HEADER + text).encode()))
def test_no_bytes_crash_it(data):
    try:
        log = parse_log(data)
    except TopformerError:
        return
    assert all(min(run) >= 1 for run in log.runs)
