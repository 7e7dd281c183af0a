"""The app's use of ExecuTorch, held to a table that was made from ExecuTorch's own sources."""

from pathlib import Path

from apk.layout import RUNTIME
from apk.public_api import NEWEST
from apk.references import find_members
from topformer.errors import TopformerError

TABLE = Path(__file__).with_name("executorch_api.txt")
PACKAGE = "org.pytorch.executorch."


def check_executorch_api(own: list[Path], libraries: list[Path]) -> str:
    """Compare both. Raises `TopformerError` naming what stands in one of them only."""
    jar = RUNTIME / "executorch.jar"
    others = [NEWEST, *(path for path in libraries if path != jar)]
    used = {entry.replace(PACKAGE, "") for entry in find_members(own, jar, others)}
    problems = compare(used, read_table())
    if problems:
        raise TopformerError(
            "The app and the table of what it uses of ExecuTorch differ.",
            why="\n".join(problems),
            next_step=f"Look it up in the sources that {TABLE.name} names, and mend the table.",
        )
    return f"of ExecuTorch: {len(used)} members, all of the table"


def read_table() -> dict[str, str]:
    """Where ExecuTorch declares it, as FILE:LINE, by member."""
    lines = [line.split(maxsplit=1) for line in TABLE.read_text().splitlines()]
    return {words[1]: words[0] for words in lines if words and words[0] != "#"}


def compare(used: set[str], table: dict[str, str]) -> list[str]:
    """Say what is used and not listed, and what is listed in vain."""
    return [
        *(f"{entry} is used, but not listed" for entry in sorted(used - table.keys())),
        *(f"{entry} is listed, but not used" for entry in sorted(table.keys() - used)),
    ]
