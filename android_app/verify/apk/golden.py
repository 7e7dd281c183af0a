"""`python -m apk.golden MODEL`: the golden file of a model that only the tests put into the app.

`topformer app embed` makes the same for a .pte, which is what a phone can run.
"""

import sys
from pathlib import Path

from topformer.android.golden import encode_golden, make_golden
from topformer.files import atomic_path
from topformer.manifest import read_manifest_of


def main(model: Path) -> None:
    """Write NAME.golden beside the model. Raises `TopformerError`."""
    golden = encode_golden(make_golden(read_manifest_of(model)))
    with atomic_path(model.with_suffix(".golden")) as path:
        path.write_bytes(golden)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
