"""Of many problems one is raised, with the way to the others."""

import pytest

from topformer.data.problems import raise_first
from topformer.errors import TopformerError

FIRST = TopformerError("One is broken.", why="It is empty.", next_step="Get it again.")


def test_without_problems_nothing_is_raised():
    raise_first([], count=0, kind="files")


@pytest.mark.parametrize(
    ("count", "next_step"),
    [
        (1, "Get it again."),
        (
            1201,
            "Get it again. 1,200 more entries have problems; `topformer data check` lists them.",
        ),
    ],
)
def test_the_first_is_raised_with_the_number_of_the_others(count, next_step):
    with pytest.raises(TopformerError) as caught:
        raise_first([FIRST, TopformerError("Another.")], count=count, kind="entries")
    raised = caught.value
    assert (raised.what, raised.why, raised.next_step) == (FIRST.what, FIRST.why, next_step)
