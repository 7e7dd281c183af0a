"""What is said of a score, whatever the task."""

from dataclasses import dataclass

import pytest

from topformer.verbs.eval.report import difference


@dataclass(frozen=True)
class Scored:
    """As much of a document as is compared."""

    protocol: str
    score: float | None


FIRST = Scored("whole", 0.5)


@pytest.mark.parametrize(
    ("one", "first", "text"),
    [
        (Scored("whole", 0.4987), FIRST, "-0.13"),
        (Scored("whole", 0.5), FIRST, "+0.00"),
        (FIRST, FIRST, "-"),
        (Scored("fixed", 0.6), FIRST, "-"),
        (Scored("whole", None), FIRST, "-"),
        (Scored("whole", 0.6), Scored("whole", None), "-"),
    ],
)
def test_scores_of_one_protocol_differ_in_points(one, first, text):
    assert difference(one, first, lambda of: of.score) == text
