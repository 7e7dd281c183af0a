"""Two processes that train together compute what one does."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from topformer.errors import UsageError
from topformer.training.journal import read_log
from topformer.training.processes import Place

SCRIPT = Path(__file__).parent / "training_script.py"
# BatchNorm is fixed in the script: on CPUs every process has statistics of its own.
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, SCRIPT, folder, out], check=True, timeout=240)
    return out


@pytest.mark.parametrize("flags", [[], ["--accumulate"]])
def test_two_processes_end_where_one_does(alone, folder, tmp_path, flags):
    subprocess.run([*TORCHRUN, SCRIPT, folder, tmp_path, *flags], check=True, timeout=300)
    one, two = load_file(alone / "last.safetensors"), load_file(tmp_path / "last.safetensors")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        difference = (tensor.double() - two[name].double()).abs()
        # AdamW's first steps follow the gradient's sign: where that is noise, so is the step.
        assert difference.mean().item() < 2e-4, name
    first, second = (read_log(path / "log.jsonl") for path in (alone, tmp_path))
    assert first[-1].miou == pytest.approx(second[-1].miou, abs=0.02)
    assert [record.step for record in first] == [record.step for record in second]


def test_a_batch_is_shared_without_gap_or_overlap():
    places = [Place(rank=rank, count=4, device=torch.device("cpu")) for rank in range(4)]
    shares = [position for place in places for position in place.share(12)]
    assert shares == list(range(12))
    with pytest.raises(UsageError, match="cannot be shared by 4"):
        places[0].share(6)
