"""From what a person calls some weights to a file on this machine."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from topformer.errors import UsageError
from topformer.files import is_address
from topformer.variants import VARIANTS
from topformer.weights.catalogue import LICENCE, PUBLISHED, find_published
from topformer.weights.fetch import fetch, url_download
from topformer.weights.transfer import Progress

# The name under which weights are drawn rather than found.
RANDOM = "random"
_UNSTATED = "not stated"


@dataclass(frozen=True, kw_only=True)
class WeightsSource:
    """A file, and what is known of it beyond its content."""

    path: Path
    name: str
    licence: str
    source: str
    # Key of the data set it is published for, where that is known.
    dataset: str | None = None


def find_source(
    source: str | Path,
    *,
    task: Literal["semantic-segmentation", "classification"],
    progress: Progress | None = None,
) -> WeightsSource:
    """Find the file behind a path, an https URL or a published name, fetching it where needed.

    Published names go before paths: write `./NAME` for a file that has one. Raises `UsageError` for
    a name nobody knows and `TopformerError` for a file that cannot be fetched.
    """
    if isinstance(source, Path):
        return file_source(source)
    published = find_published(source)
    if published and published.task != task:
        raise UsageError(
            f"{published.name} holds weights for {published.task}, not for {task}.",
            next_step="`topformer models` lists the published checkpoints and what they are for.",
        )
    if published:
        return WeightsSource(
            path=fetch(published.download, progress=progress),
            name=published.name,
            licence=LICENCE,
            source=f"hustvl/TopFormer, {published.page_url}",
            dataset="ade20k" if published.dataset == "ADE20K" else None,
        )
    if is_address(source):
        path = fetch(url_download(source), progress=progress)
        # Without the query: signed links carry keys, and this goes into every manifest.
        parts = urlsplit(source)
        page = f"https://{parts.hostname}{parts.path}"
        return WeightsSource(path=path, name=Path(page).name, licence=_UNSTATED, source=page)
    return file_source(Path(source))


def file_source(path: Path) -> WeightsSource:
    """Describe a file of the user's; raises `UsageError` when it does not exist."""
    if not path.exists():
        published = [entry.name for entry in PUBLISHED]
        # Most that take weights take these too, and did not come here with them.
        others = [*VARIANTS, RANDOM]
        close = difflib.get_close_matches(str(path), [*published, *others], n=1)
        if str(path) in others:
            raise UsageError(
                f"{path} names no weights here.",
                why="No file of that path exists, and sizes and random weights are not taken.",
                next_step="Give a file, or a name that `topformer models` lists as published.",
            )
        raise UsageError(
            f"There are no weights called {path}.",
            why="No file of that path exists, and no published checkpoint or size has that name.",
            next_step=f"Did you mean {close[0]}?" if close else "`topformer models` lists names.",
        )
    # Only the name: where a person keeps files is nobody's business.
    return WeightsSource(
        path=path, name=path.name, licence=_UNSTATED, source="a file of the user's"
    )
