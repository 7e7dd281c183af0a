"""Whatever is wrong is said in one JSON document, with a code."""

import math
import os
import resource
import subprocess
from contextlib import suppress

import pytest

from support.runner_calls import Runner
from topformer.benchmarks.documents.runner import RunnerAbout, RunnerRun, decode_document
from topformer.errors import TopformerError

PICTURE_BYTES = 448 * 448 * 3
SESSION = {
    "height": 448,
    "width": 448,
    "mean": "1,2,3",
    "std": "1,2,3",
    "threads": 1,
    "warmups": 0,
    "samples": 1,
}


@pytest.fixture(scope="module")
def runner(host_runner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    (folder / "picture").write_bytes(bytes(PICTURE_BYTES))
    return Runner(command=host_runner.command, folder=folder)


def run_options(runner, **changes):
    values = {"model": runner.folder / "model", "picture": runner.folder / "picture"} | SESSION
    values |= changes
    return [f"--{name}={value}" for name, value in values.items() if value is not None]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no command"),
        (["fly"], "no command fly"),
        (["about", "--so=what"], "no option --so"),
        (["about", "so"], "so is no option"),
        (["about", "--so"], "--so is no option"),
        (["about", "--=x"], "--=x is no option"),
        (["run", "--threads=1", "--threads=1"], "given twice"),
        (["run"], "--model is missing"),
        (["run", "--model="], "--model is empty"),
        (["postprocess", "--outputs=x", "--shapes=9x9"], "--shapes cannot be 9x9"),
        (["postprocess", "--outputs=x", "--shapes=1x4097x1"], "--shapes cannot be 1x4097x1"),
        (["postprocess", "--outputs=x", "--shapes=300x1000x1000"], "--shapes cannot be"),
        (["about", '--\xff"\n=1'], "no option"),
    ],
)
def test_wrong_usage(runner, arguments, complaint):
    failure = runner.refusal(*arguments, status=2)
    assert failure.code == "usage"
    assert complaint in failure.what


def test_bytes_that_are_no_text_still_give_a_document(runner):
    done = runner.call(b"about".decode(), os.fsdecode(b"--\xff\xc0\xed\xa0\x80=1"))
    with pytest.raises(TopformerError, match="has no option"):
        decode_document(done.stdout, RunnerAbout)


NO_COUNTS = ("0", "-1", "1025", "1.5", " 1", "1 ", "0x1", "9" * 30)
NO_TRIPLES = (
    "1,2",
    "1,2,3,4",
    "a,b,c",
    "nan,1,1",
    "inf,1,1",
    ",,",
    "0x1,1,1",
    "1e99,1,1",
    " 1,1,1",
)


@pytest.mark.parametrize(
    "change",
    [
        *({"threads": value} for value in NO_COUNTS),
        *({"mean": value} for value in NO_TRIPLES),
        {"height": "4097"},
        {"width": "0"},
        {"samples": "0"},
        {"warmups": "-1"},
        *({"mark-stages": value} for value in ("0", "2", "yes")),
        {"picture": None},
        *({"picture-height": value} for value in ("0", "32769", "")),
        {"picture-width": "x"},
        *({"std": value} for value in ("0,1,1", "1,1e-46,1", "1,1,-1e-7")),
        # Of a shell's variable that is not set.
        *({name: ""} for name in ("task", "write-result", "write-output", "mark-stages")),
    ],
)
def test_options_out_of_range(runner, change):
    assert runner.refusal("run", *run_options(runner, **change), status=2).code == "usage"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file-unreadable"),
        (b"", "model-refused"),
        (b"not a program", "model-refused"),
        (os.urandom(100_000), "model-refused"),
        (b"\x1c\0\0\0ET12" + bytes(1000), "model-refused"),
    ],
)
def test_files_that_are_no_models(runner, content, code):
    path = runner.folder / "model"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    assert runner.refusal("run", *run_options(runner), status=1).code == code


def test_a_model_cut_short_or_with_a_changed_head_is_refused(runner, exported_tiny):
    data = exported_tiny.files[0].path.read_bytes()
    path = runner.folder / "model"
    for damaged in (data[: len(data) // 2], data[:-1], data[:8] + bytes(2000) + data[2008:]):
        path.write_bytes(damaged)
        assert runner.refusal("run", *run_options(runner), status=1).code == "model-refused"


def test_a_picture_of_another_size_than_the_model_takes(runner, exported_tiny):
    (runner.folder / "small").write_bytes(bytes(64 * 96 * 3))
    options = run_options(
        runner,
        model=exported_tiny.files[0].path,
        picture=runner.folder / "small",
        height=64,
        width=96,
    )
    failure = runner.refusal("run", *options, status=1)
    assert failure.code == "model-shape"
    assert "[1, 3, 448, 448]" in failure.why


@pytest.mark.parametrize("size", [0, PICTURE_BYTES - 1, PICTURE_BYTES + 1])
def test_a_picture_file_of_the_wrong_size(runner, size):
    path = runner.folder / "other"
    path.write_bytes(bytes(size))
    assert runner.refusal("run", *run_options(runner, picture=path), status=1).code == "file-size"
    options = run_options(runner, picture=path, **{"picture-width": 449})
    failure = runner.refusal("run", *options, status=1)
    assert f"{448 * 449 * 3} are needed" in failure.why


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_regular_file_is_refused_without_waiting(runner, kind, tmp_path):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = "/dev/zero"
    for option in ("picture", "model"):
        options = run_options(runner, **{option: path})
        assert runner.refusal("run", *options, status=1).code == "file-unreadable"


def test_output_that_cannot_be_written_leaves_nothing(runner, exported_tiny, tmp_path):
    options = run_options(runner, model=exported_tiny.files[0].path)
    missing = tmp_path / "missing" / "labels"
    failure = runner.refusal("run", *options, f"--write-result={missing}", status=1)
    assert failure.code == "file-unwritable"
    assert not missing.parent.exists()


def test_a_document_that_cannot_be_written_is_a_failure(runner):
    done = subprocess.run(
        ["sh", "-c", '"$@" >/dev/full', "sh", *runner.command, "about"], check=False
    )
    assert done.returncode == 1


def test_a_document_is_written_whole_where_its_reader_is_slow(runner):
    read, write = os.pipe()
    os.set_blocking(write, False)
    # Until no more goes in.
    with suppress(BlockingIOError):
        while os.write(write, b"x" * 4096):
            pass
    with suppress(BlockingIOError):
        while os.write(write, b"x"):
            pass
    running = subprocess.Popen([*runner.command, "about"], stdout=write)
    os.close(write)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(timeout=0.5)
    with os.fdopen(read, "rb") as stream:
        said = stream.read().lstrip(b"x")
    assert running.wait(timeout=60) == 0
    assert decode_document(said, RunnerAbout).runtime == "executorch"


def test_too_little_memory_is_said(runner):
    path = runner.folder / "many"
    with path.open("wb") as stream:
        stream.truncate(1000 * 500 * 500 * 4)  # 1 GB that takes no space on the disk
    failure = runner.refusal(
        "postprocess", f"--outputs={path}", "--shapes=1000x500x500", "--height=8", "--width=8",
        "--samples=1", f"--write-result={runner.folder / 'out'}", status=1,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)),
    )  # fmt: skip
    assert failure.code == "out-of-memory"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage\n",
        b"{}\n",
        b'{"schema":"topformer.runner-about/1","runtime":"executorch"',
        b'{"schema":"topformer.runner-about/1","runtime":"executorch","runtime_version":"1",'
        b'"compiler":"x"}\n',
        b"\xff" * 100,
        b"[" * 100_000,
    ],
)
def test_answers_without_their_end_are_not_believed(line):
    with pytest.raises(TopformerError, match="torn off"):
        decode_document(line, RunnerAbout)


DETECTION = {
    "task": "object-detection",
    "levels": "8:-4,-4,4,4;16:-8,-8,8,8",
    "score-threshold": 0.05,
    "candidates-per-level": 10,
    "nms-iou": 0.5,
    "most-boxes": 10,
    "largest-log-scale": 4.0,
}


@pytest.mark.parametrize(
    "change",
    [
        {"task": "juggling"},
        {"task": None},  # segmentation has no levels
        *(
            {"levels": value}
            for value in (
                "", "8", "8:", "8:1,2,3", "0:1,2,3,4", "8:1,2,3,x", "8:1,2,3,4;",
                "8:1,2,3,4:5", "8:1,2,3,1e6", "8:" + ",".join(["1"] * 4 * 65),
                ";".join(["8:1,2,3,4"] * 17),
            )
        ),
        *({"score-threshold": value} for value in ("-0.1", "1.1", "nan", "")),
        {"nms-iou": "2"},
        {"candidates-per-level": "0"},
        {"candidates-per-level": "10001"},
        {"most-boxes": "1001"},
        {"largest-log-scale": "17"},
    ],
)  # fmt: skip
def test_what_says_nothing_of_boxes_is_wrong_usage(runner, change):
    options = run_options(runner, **(DETECTION | change))
    assert runner.refusal("run", *options, status=2).code == "usage"


@pytest.mark.parametrize(
    "shapes",
    [
        "2x8x8,2x4x4,4x8x8",  # one missing
        "2x8x8,2x4x4,4x8x8,4x4x4,1x1x1",
        "2x8x8,3x4x4,4x8x8,4x4x4",  # another number of classes
        "2x8x8,2x4x4,4x8x8,5x4x4",
        "2x8x8,2x4x4,4x8x8,4x4x3",
        "4x8x8,4x4x4,2x8x8,2x4x4",
    ],
)
def test_outputs_that_no_detector_of_these_levels_has(runner, shapes):
    count = sum(math.prod(map(int, shape.split("x"))) for shape in shapes.split(","))
    outputs = runner.folder / "outputs"
    outputs.write_bytes(bytes(4 * count))
    failure = runner.refusal(
        "postprocess", f"--outputs={outputs}", f"--shapes={shapes}", "--height=64", "--width=64",
        "--samples=1", f"--write-result={runner.folder / 'out'}",
        *(f"--{name}={value}" for name, value in DETECTION.items()), status=1,
    )  # fmt: skip
    assert failure.code == "model-shape"


def test_a_file_of_another_task_is_refused(runner, exported_tiny):
    options = run_options(runner, model=exported_tiny.files[0].path, **DETECTION)
    assert runner.refusal("run", *options, status=1).code == "model-shape"


def test_an_answer_out_of_turn_is_refused(runner):
    with pytest.raises(TopformerError, match="out of turn"):
        decode_document(runner.call("about").stdout, RunnerRun)
