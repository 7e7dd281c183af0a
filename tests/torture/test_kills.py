"""A few kills of `make torture`: what belongs together is old or new, and left-overs are swept."""

import pytest

from torture.cases import Embed, Export, Predict, Train, pair_of
from torture.rounds import Torture

SMALL = pair_of(b"a model"), pair_of(b"another")


@pytest.fixture
def torture(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("TMPDIR", "")  # it is set, and set back
    monkeypatch.setattr("tempfile.tempdir", None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda case, **options: Torture(case, tmp_path, **options)
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("case", [lambda: Export(*SMALL), lambda: Embed(*SMALL)])
def test_a_set_is_old_or_new_wherever_its_run_is_killed(torture, case, old):
    assert len(list(torture(case(), old=old, seed=0).numbers())) > 10


@pytest.mark.slow
@pytest.mark.parametrize("case", [Train, Predict])
def test_a_run_goes_on_wherever_it_is_killed(torture, case):
    assert len(list(torture(case(), old=True).numbers(every=9))) > 3
