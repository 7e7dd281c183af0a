"""From figures to verdicts: with the bench's own idea of a difference."""

import pytest

from support.report_fakes import fake_files, fake_measured, proved_file
from topformer.verbs.report.judge import judge_files

# Side, precision, target, megabytes, milliseconds, mIoU.
EXACT = (448, "fp32", "xnnpack", 5.5, 12.0, 0.68)
SAME = (448, "fp32", "onnx", 5.5, 12.02, 0.6801)
SMALL = (448, "int8", "xnnpack", 1.6, 8.0, 0.67)
POOR = (448, "int8", "onnx", 1.7, 9.0, 0.60)


def judged(*figures, emulated=False, **options):
    files, scores, costs = fake_files(figures, **options)
    return judge_files(files, scores, fake_measured(files, costs, emulated=emulated))


def words(found):
    return [one.word for one in found.judgements.values()]


def test_files_on_the_frontier_are_to_be_shipped_and_the_others_say_by_what_they_are_beaten():
    found = judged(EXACT, SMALL, POOR)
    assert words(found) == ["ship", "ship", "beaten"]
    poor = found.judgements["tiny 448x448 int8 onnx"]
    assert poor.beaten_by == "tiny 448x448 int8 xnnpack"
    assert poor.reason.startswith("Beaten by tiny 448x448 int8 xnnpack: mIoU 67.00 against 60.00, ")
    assert poor.reason.endswith(" 1.60 MB against 1.70 MB.")
    assert poor.best_in == ()
    small = found.judgements["tiny 448x448 int8 xnnpack"]
    assert small.best_in == ("speed", "size")
    assert small.reason.startswith(
        "Fastest and smallest of those that passed: 1.00 points below the most accurate, 0.6"
    )
    exact = found.judgements["tiny 448x448 fp32 xnnpack"]
    assert exact.reason == "Most accurate of those that passed."


def test_latencies_that_the_bench_calls_no_different_are_none():
    # Both stay, though one is faster by a fiftieth of a millisecond in every block.
    assert words(judged(EXACT, SAME)) == ["ship", "ship"]
    slower = (448, "fp32", "onnx", 5.5, 13.0, 0.6801)
    assert words(judged(EXACT, slower)) == ["ship", "beaten"]


def test_each_need_has_an_answer_with_its_figures():
    answers = {answer.need: answer for answer in judged(EXACT, SMALL, POOR).answers}
    assert {need: answer.file for need, answer in answers.items()} == {
        "accuracy": "tiny 448x448 fp32 xnnpack",
        "speed": "tiny 448x448 int8 xnnpack",
        "size": "tiny 448x448 int8 xnnpack",
    }
    assert answers["accuracy"].reason.startswith("mIoU 68.00, 12.0")
    assert answers["accuracy"].reason.endswith(", 5.50 MB")
    assert "1.00 points below the most accurate" in answers["size"].reason


def test_a_file_whose_proof_failed_is_not_weighed():
    files, scores, costs = fake_files((EXACT,))
    failed = proved_file(precision="int8", size_mb=1.0, passed=False)
    found = judge_files([*files, failed], scores, fake_measured(files, costs))
    assert found.judgements[failed.name].word == "failed"
    assert found.judgements[failed.name].reason.startswith("Its proof failed")
    assert {answer.file for answer in found.answers} == {files[0].name}


def test_random_weights_are_never_to_be_shipped():
    found = judged(EXACT, SMALL, random=True)
    assert words(found) == ["random", "random"]
    assert found.answers == ()


def test_without_data_only_files_that_are_proved_alike_are_ranked():
    larger = (448, "fp32", "onnx", 5.8, 12.5, None)
    found = judged(*[(*figures[:5], None) for figures in (EXACT, larger, SMALL)])
    assert words(found) == ["ship", "beaten", "ship"]
    assert [answer.need for answer in found.answers] == ["speed", "size"]
    assert "mIoU" not in found.answers[0].reason


def test_a_file_that_the_device_does_not_run_beats_nothing_in_speed():
    files, scores, costs = fake_files((EXACT, SAME))
    del costs["tiny 448x448 fp32 onnx"]
    found = judge_files(files, scores, fake_measured(files, costs))
    assert found.judgements["tiny 448x448 fp32 xnnpack"].word == "ship"
    answers = {answer.need: answer.file for answer in found.answers}
    assert answers["speed"] == "tiny 448x448 fp32 xnnpack"


@pytest.mark.parametrize("emulated", [False, True])
def test_instructions_are_called_so_and_never_milliseconds(emulated):
    found = judged(EXACT, SMALL, POOR, emulated=emulated)
    told = " ".join(
        [one.reason for one in found.judgements.values()] + [one.reason for one in found.answers]
    )
    assert ("M instructions" in told) == emulated
    assert (" ms" in told) != emulated
    assert ("ewest instructions" in told) == emulated
    assert ("astest" in told) != emulated
