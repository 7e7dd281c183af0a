"""Where the demo app's sources are."""

from pathlib import Path

from topformer.android.assets import NoSourcesError, find_app
from topformer.errors import advising


def find_sources(folder: Path | None) -> Path:
    """Find the app's sources in the folder that `--app` names, or in the checkout."""
    with advising(NoSourcesError, "Then pass its folder android_app with --app."):
        return find_app(folder)
