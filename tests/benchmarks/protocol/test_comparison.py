from dataclasses import replace

import msgspec
import numpy as np
import pytest

from support.bench_fakes import emulated_bench, request, scripted_bench
from topformer.benchmarks.documents.conditions import Build, StartingPicture
from topformer.benchmarks.documents.rows import Cores
from topformer.benchmarks.protocol.comparison import RowOfRun, compare
from topformer.errors import TopformerError

QUIET = {"verdict": "trusted", "reasons": ()}


def only_row(document, **changes):
    return of_run(msgspec.structs.replace(document.rows[0], **(QUIET | changes)), document)


def of_run(row, document):
    return RowOfRun(row=row, environment=document.environment, protocol=document.protocol)


def bench_of(execute_ms):
    return scripted_bench([request("row")], execute_ms={"row": execute_ms})


@pytest.fixture(scope="module")
def document():
    return bench_of(10.0)


@pytest.fixture(scope="module")
def before(document):
    return only_row(document)


def parts_of(comparison):
    return {part.part: part for part in comparison.parts}


def test_two_runs_are_compared_by_their_medians(before):
    found = compare(before, only_row(bench_of(11.0)))
    assert (found.kind, found.confidence, found.unlike, found.doubts) == ("unpaired", 0.99, (), ())
    parts = parts_of(found)
    assert list(parts) == ["preprocess", "execute", "postprocess", "total"]
    network = parts["execute"]
    assert (network.baseline, network.contender) == pytest.approx((10.0, 11.0), abs=0.02)
    assert network.ratio == pytest.approx(1.1, abs=0.005)
    assert network.interval[0] < network.ratio < network.interval[1]
    assert (network.verdict, parts["postprocess"].verdict) == ("slower", "no difference")
    assert parts_of(compare(only_row(bench_of(11.0)), before))["execute"].verdict == "faster"


def test_what_a_run_drifted_is_allowed_for(document, before):
    latency = before.row.execute_ms
    blocks = np.array(latency.samples).reshape(8, -1) * np.linspace(1.0, 1.1, 8)[:, np.newaxis]
    drifted = msgspec.structs.replace(latency, samples=tuple(blocks.ravel().tolist()))
    found = compare(before, only_row(document, execute_ms=drifted))
    # The same run would be paired, so that nothing need be allowed for.
    assert (found.kind, parts_of(found)["execute"].allowance) == ("paired", 0.02)
    after = only_row(bench_of(10.0), execute_ms=drifted)
    network = parts_of(compare(before, after))["execute"]
    # The two first and the two last of eight blocks.
    assert network.allowance == pytest.approx((1.1 - 1 / 140) / (1.0 + 1 / 140) - 1.0, abs=0.005)
    assert (network.ratio > 1.04, network.verdict) == (True, "no difference")


def test_rows_of_one_run_are_paired_block_by_block():
    document = scripted_bench([request("a"), request("b")], execute_ms={"a": 10.0, "b": 12.0})
    first, second = (of_run(row, document) for row in document.rows)
    found = compare(first, second)
    assert (found.kind, found.baseline, found.contender) == ("paired", "a", "b")
    assert parts_of(found)["execute"].verdict == "slower"


@pytest.mark.parametrize(
    ("after", "ratio", "word"),
    [
        (100_000_000, 1.0, "no difference"),
        (100_090_000, 1.0009, "no difference"),
        (100_200_000, 1.002, "more instructions"),
        (90_000_000, 0.9, "fewer instructions"),
    ],
)
def test_instructions_are_compared_exactly(after, ratio, word):
    first, second = (emulated_bench(execute=count) for count in (100_000_000, after))
    found = compare(*(of_run(one.rows[0], one) for one in (first, second)))
    assert (found.kind, found.confidence, found.doubts) == ("counted", None, ())
    network = parts_of(found)["execute"]
    assert network.ratio == pytest.approx(ratio)
    assert (network.interval, network.verdict) == (None, word)


def test_latency_and_instructions_have_no_ratio(before):
    emulated = emulated_bench()
    with pytest.raises(TopformerError, match="cannot be compared with a real one"):
        compare(before, of_run(emulated.rows[0], emulated))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_size": (512, 512)}, "image size: 512x512 against 448x448"),
        ({"task": "object-detection"}, "task: object-detection against semantic-segmentation"),
        ({"detection_head": "lite"}, "detection head: lite against none"),
        ({"classes": 11}, "classes: 11 against 150"),
        (
            {"cores": Cores(requested=None, effective="f0", cluster=None)},
            "cores: f0 against unknown",
        ),
        ({"threads": 4}, "threads: 4 against 1"),
        ({"precision": "int8"}, "precision: int8 against fp32"),
        (
            {"picture": StartingPicture(height=480, width=640)},
            "picture size: 480x640 against 448x448",
        ),
        (
            {"picture": StartingPicture(height=448, width=448, format="yuv")},
            "picture size: 448x448 yuv against 448x448",
        ),
        ({"build": Build(kind="ndk")}, "build: an NDK build against PyPI's build"),
        ({"build": Build(kind="app")}, "build: the app's library against PyPI's build"),
    ],
)
def test_what_is_not_alike_is_told(document, before, change, told):
    assert compare(before, only_row(document, **change)).unlike == (told,)


def test_rows_from_before_began_with_the_network_s_size_and_ran_the_only_builds(document, before):
    older = {"picture": None, "build": None}
    assert compare(before, only_row(document, **older)).unlike == ()
    app = only_row(document, **older, runtime="app")
    assert compare(before, app).unlike == ("build: the app's library against PyPI's build",)


def test_other_machines_under_the_name_of_host_are_not_alike(before):
    environment = msgspec.structs.replace(before.environment, cpu_model="Z80")
    (told,) = compare(before, replace(before, environment=environment)).unlike
    assert told.startswith("device: Z80 against ")


def test_other_emulated_processors_are_not_alike():
    first, second = emulated_bench(), emulated_bench(cpu="cortex-a53")
    found = compare(*(of_run(one.rows[0], one) for one in (first, second)))
    assert found.unlike == ("emulated CPU: cortex-a53 against cortex-a76",)


def test_a_row_that_is_not_trusted_raises_a_doubt(document, before):
    noisy = only_row(document, verdict="noisy", reasons=("load: busy.",))
    assert compare(noisy, before).doubts == ("the baseline is noisy",)


def without(document, part):
    nothing = msgspec.structs.replace(document.rows[0].latency(part), samples=(0.0,) * 40)
    return only_row(document, **{f"{part}_ms": nothing})


@pytest.mark.parametrize("part", ["preprocess", "postprocess"])
def test_a_part_that_takes_no_time_is_left_out(document, before, part):
    rest = [one for one in ("preprocess", "execute", "postprocess", "total") if one != part]
    assert list(parts_of(compare(without(document, part), before))) == rest
    assert list(parts_of(compare(before, without(document, part)))) == rest


def test_a_run_that_takes_no_time_has_no_ratio(document, before):
    with pytest.raises(TopformerError, match="cannot be compared") as caught:
        compare(without(document, "total"), before)
    assert "median of 0 ms" in caught.value.why


def test_a_slower_preprocess_is_told(document, before):
    latency = before.row.preprocess_ms
    slower = msgspec.structs.replace(latency, samples=tuple(1.5 * ms for ms in latency.samples))
    found = parts_of(compare(before, only_row(document, preprocess_ms=slower)))
    assert (found["preprocess"].verdict, found["execute"].verdict) == ("slower", "no difference")
