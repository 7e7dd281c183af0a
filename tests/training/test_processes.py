"""Two processes that train together compute what one does."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from support.training_fakes import (
    SCRIPT,
    SilentObserver,
    make_folder,
    settled_model,
    small_recipe,
    small_run,
)
from topformer.errors import UsageError
from topformer.training.journal import read_log
from topformer.training.loop import train, validate
from topformer.training.processes import Place, place_from
from topformer.weights import load_model

# BatchNorm is fixed in the script: on CPUs every process has statistics of its own.
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--accumulate"]])
def test_two_processes_end_where_one_does(scripted_run, folder, tmp_path, flags):
    subprocess.run([*TORCHRUN, SCRIPT, folder, tmp_path, *flags], check=True, timeout=300)
    one, two = (
        load_file(scripted_run / "last.safetensors"),
        load_file(tmp_path / "last.safetensors"),
    )
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        difference = (tensor.double() - two[name].double()).abs()
        # AdamW's first steps follow the gradient's sign: where that is noise, so is the step.
        assert difference.mean().item() < 2e-4, name
    first, second = (read_log(path / "log.jsonl") for path in (scripted_run, tmp_path))
    assert first[-1].miou == pytest.approx(second[-1].miou, abs=0.02)
    assert [record.step for record in first] == [record.step for record in second]


@pytest.mark.slow
def test_two_processes_round_by_the_same_ranges(folder, tmp_path):
    told = []
    for process in start_two(folder, tmp_path, "--rounded"):
        told.append(process.communicate(timeout=300)[0])
        assert process.returncode == 0
    first, second = ([line for line in text.splitlines() if "ranges" in line] for text in told)
    assert first == second
    assert len(first) == 2  # of four steps
    assert (tmp_path / "last.safetensors").exists()


def test_a_batch_is_shared_without_gap_or_overlap():
    places = [Place(rank=rank, world_size=4, device=torch.device("cpu")) for rank in range(4)]
    shares = [position for place in places for position in place.share(12)]
    assert shares == list(range(12))
    with pytest.raises(UsageError, match="cannot be shared by 4"):
        places[0].share(6)


def start_two(folder: Path, out: Path, *flags: str) -> list[subprocess.Popen[str]]:
    """Start two processes as torchrun would, without torchrun, which ends one after the other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    described = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder, out, *flags],
            env=os.environ | described | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A data set of three val pictures: shares are of two and of one."""
    return make_folder(tmp_path_factory.mktemp("three"), val=3)


@pytest.mark.slow
def test_two_processes_score_exactly_what_one_does(three, tmp_path):
    # With statistics of BatchNorm that differ between the two.
    for process in start_two(three, tmp_path, "--unsettled"):
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = small_run(three, tmp_path, small_recipe())
        alone = Place(rank=0, world_size=1, device=torch.device("cpu"))
        scores = validate(load_model(tmp_path / "last.safetensors"), run.goal, alone, 4)
    finally:
        torch.set_num_threads(threads)
    (told,) = [record for record in read_log(tmp_path / "log.jsonl") if hasattr(record, "miou")]
    assert told == scores


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_fails_ends_the_other_with_its_message(tmp_path, rank):
    (tmp_path / "set").mkdir()
    folder = make_folder(tmp_path / "set")
    # In the share of one process only: pictures of val go round.
    (folder / "images" / "val" / f"{rank}.png").write_bytes(b"broken")
    processes = start_two(folder, tmp_path / "out")
    said = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    assert f"{rank}.png is not a picture" in said[rank].splitlines()[0]
    other = said[1 - rank].splitlines()
    assert other[0].startswith(f"Process {rank} of 2 failed: ")
    assert f"{rank}.png is not a picture" in other[0]
    assert other[2] == "Next: Get the file again."


@pytest.mark.slow
def test_a_loss_that_is_no_number_in_one_process_is_saved_by_none(folder, tmp_path):
    """Its gradients reach both, at a step after which the first would score and save."""
    processes = start_two(folder, tmp_path, "--diverging")
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    assert said[1].startswith("The loss of step 4 is nan.")
    assert said[0].startswith("Process 1 of 2 failed: The loss of step 4 is nan.")
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_other(folder, tmp_path):
    processes = start_two(folder, tmp_path, "--slow")
    first = tmp_path / "checkpoints" / "step-00000002"
    deadline = time.monotonic() + 120
    while not first.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    processes[0].kill()
    _, said = processes[1].communicate(timeout=60)
    processes[0].communicate()
    assert processes[1].returncode == 1
    assert "Another of the processes that train together is gone." in said
    assert "--resume" in said
    assert first.exists()


@pytest.mark.slow
def test_processes_that_find_other_checkpoints_do_not_begin(folder, tmp_path):
    """As on machines that do not share the run's folder."""
    small = small_run(folder, tmp_path / "1", small_recipe(batch=4))
    alone = Place(rank=0, world_size=1, device=torch.device("cpu"))
    train(small, settled_model(), alone, SilentObserver())
    (tmp_path / "0").mkdir()
    processes = start_two(folder, tmp_path, "--resume", "--apart")
    said = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    for rank, text in enumerate(said):
        assert f"do not find the same checkpoint in {tmp_path / str(rank)}." in text
        assert "from the steps 0, 4." in text
        assert "which all machines share" in text


TOGETHER = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environment", "gpus", "said"),
    [
        ({"WORLD_SIZE": "2"}, 0, "RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": ""}, 0, "RANK is not set"),
        ({"WORLD_SIZE": "x"}, 0, "WORLD_SIZE is 'x'"),
        ({"WORLD_SIZE": "-1"}, 0, "WORLD_SIZE is '-1'"),
        ({"WORLD_SIZE": "2.0"}, 0, "WORLD_SIZE is '2.0'"),
        ({"WORLD_SIZE": "9" * 5000}, 0, "WORLD_SIZE is '9"),
        ({"WORLD_SIZE": "0"}, 0, "WORLD_SIZE is 0"),
        ({"WORLD_SIZE": "2", "RANK": "one", **TOGETHER}, 0, "RANK is 'one'"),
        ({"WORLD_SIZE": "2", "RANK": "2", **TOGETHER}, 0, "RANK is 2, but WORLD_SIZE is 2"),
        ({"WORLD_SIZE": "1", "RANK": "1"}, 0, "RANK is 1, but WORLD_SIZE is 1"),
        ({"RANK": "3"}, 0, "RANK is 3, but WORLD_SIZE is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, 0, "MASTER_ADDR is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "a"}, 0, "MASTER_PORT is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0", **TOGETHER, "MASTER_PORT": "p"}, 0, "MASTER_PORT is 'p'"),
        ({"WORLD_SIZE": "2", "RANK": "0", **TOGETHER, "MASTER_PORT": "99999"}, 0, "99999"),
        ({"WORLD_SIZE": "2", "RANK": "0", **TOGETHER}, 1, "LOCAL_RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", **TOGETHER}, 1, "has 1 GPU."),
        ({"LOCAL_RANK": "x"}, 0, "LOCAL_RANK is 'x'"),
    ],
)
def test_an_environment_that_describes_no_group_is_refused_in_a_sentence(environment, gpus, said):
    with pytest.raises(UsageError) as caught:
        place_from(environment, gpus=gpus)
    assert said in caught.value.what
    assert len(caught.value.what) < 200
    assert "torchrun --nproc-per-node" in caught.value.next_step


@pytest.mark.parametrize(
    ("environment", "gpus", "rank", "world_size", "device"),
    [
        ({}, 0, 0, 1, "cpu"),
        ({}, 4, 0, 1, "cuda:0"),
        # As schedulers leave them.
        ({"WORLD_SIZE": "1"}, 0, 0, 1, "cpu"),
        ({"WORLD_SIZE": "", "RANK": "0"}, 0, 0, 1, "cpu"),
        ({"WORLD_SIZE": "3", "RANK": "2", **TOGETHER}, 0, 2, 3, "cpu"),
        ({"WORLD_SIZE": "8", "RANK": "5", "LOCAL_RANK": "1", **TOGETHER}, 4, 5, 8, "cuda:1"),
    ],
)
def test_a_place_is_read_from_the_environment(environment, gpus, rank, world_size, device):
    assert place_from(environment, gpus=gpus) == Place(
        rank=rank, world_size=world_size, device=torch.device(device)
    )
