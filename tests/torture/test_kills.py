"""A few kills of `make torture`: what belongs together is old or new, and left-overs are swept."""

import pytest

from topformer.errors import TopformerError
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
@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
@pytest.mark.parametrize(
    ("make", "every"),
    [
        (lambda: Export(*SMALL), 6),
        (lambda: Embed(*SMALL), 6),
        (Predict, 14),
        (Train, 34),
    ],
)
def test_what_a_killed_run_leaves_is_whole_and_the_next_goes_on(torture, make, every, old):
    assert len(list(torture(make(), old=old, seed=0).numbers(every=every))) > 2


@pytest.mark.slow
def test_a_pair_that_is_torn_is_found(torture, monkeypatch):
    """What writes one file after the other does not pass."""
    from topformer.export import pipeline
    from topformer.files import atomic_write

    def one_by_one(contents):
        for path, content in contents.items():
            atomic_write(path, content)

    monkeypatch.setattr(pipeline, "write_set", one_by_one)
    with pytest.raises((AssertionError, TopformerError)):
        list(torture(Export(*SMALL), old=True).numbers())
