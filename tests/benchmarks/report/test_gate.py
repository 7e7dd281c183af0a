import msgspec
import pytest

from support.bench_fakes import emulated_bench, request, scripted_bench
from topformer.benchmarks.report.gate import check_gate
from topformer.errors import TopformerError

ROWS = (request("a"), request("b", threads=2))


def bench_of(a_ms=10.0, b_ms=20.0, *, requests=ROWS, **changes):
    document = scripted_bench(requests, execute_ms={"a": a_ms, "b": b_ms})
    quiet = {"verdict": "trusted", "reasons": ()} | changes
    rows = tuple(msgspec.structs.replace(row, **quiet) for row in document.rows)
    return msgspec.structs.replace(document, rows=rows)


def refusal_of(document, baseline):
    with pytest.raises(TopformerError) as caught:
        check_gate(document, baseline, on_warning=lambda _: None)
    assert caught.value.exit_code == 1
    return caught.value


def test_the_same_again_passes():
    warnings = []
    found = check_gate(bench_of(), bench_of(), on_warning=warnings.append)
    assert [one.contender for one in found] == ["a", "b"]
    assert warnings == []


def test_a_faster_row_passes():
    check_gate(bench_of(8.0), bench_of(), on_warning=pytest.fail)


def test_a_slower_row_fails_and_says_by_how_much():
    error = refusal_of(bench_of(12.0), bench_of())
    assert error.what == "The gate found 2 regressions."
    network, total = error.why.split("; ")
    assert network.startswith("a: network 10.00 to 12.0")
    assert " 1.200 times (99% interval 1." in network
    assert network.endswith(": slower")
    assert total.startswith("a: total 13.0")


def test_more_instructions_fail():
    error = refusal_of(emulated_bench(execute=200_000_000), emulated_bench(execute=199_060_000))
    assert "network 199.060 to 200.000 M instructions, 1.0047 times: more instructions" in error.why


def test_the_same_instructions_pass():
    check_gate(emulated_bench(), emulated_bench(), on_warning=pytest.fail)


def test_a_row_without_a_baseline_is_an_error():
    error = refusal_of(bench_of(), emulated_bench((request("c"), request("d", threads=4))))
    assert "has no baseline" in str(error)
    assert error.why == "Missing there: a; b."
    for word in ("task", "head", "form", "serials"):
        assert word in error.next_step


def test_a_row_that_was_not_measured_again_is_a_warning():
    warnings = []
    alone = bench_of(requests=ROWS[:1])
    check_gate(alone, bench_of(), on_warning=warnings.append)
    assert warnings == ["gate: b of the baseline was not measured this time."]


def test_another_kind_of_row_is_an_error():
    error = refusal_of(bench_of(classes=11), bench_of())
    assert "another kind" in str(error)
    assert "a: classes: 11 against 150" in error.why


@pytest.mark.parametrize(("a_ms", "passes"), [(10.0, True), (12.0, False)])
def test_a_noisy_row_is_judged_with_a_warning(a_ms, passes):
    warnings = []
    noisy = bench_of(a_ms, verdict="noisy", reasons=("load: busy.",))
    if passes:
        check_gate(noisy, bench_of(), on_warning=warnings.append)
    else:
        with pytest.raises(TopformerError, match="regressions"):
            check_gate(noisy, bench_of(), on_warning=warnings.append)
    assert warnings[0] == "gate: a: the contender is noisy; it is judged all the same."
