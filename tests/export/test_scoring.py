"""Which pictures a file is judged by."""

import pytest

from topformer.export.scoring import _spread


@pytest.mark.parametrize(
    ("found", "wanted", "taken"),
    [
        (5, None, [0, 1, 2, 3, 4]),
        (5, 9, [0, 1, 2, 3, 4]),
        (10, 2, [0, 5]),
        # More than half, and still not the first ones.
        (10, 6, [0, 1, 3, 5, 6, 8]),
        (0, 3, []),
    ],
)
def test_pictures_are_spread_over_all_that_there_are(found, wanted, taken):
    assert _spread(found, wanted) == taken
