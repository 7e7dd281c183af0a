"""The runner's bundle on a device: pushed once, kept for the next bench, and trusted never.

It lies in a folder whose name holds the bundle's hash and a random part. Every file is hashed
before each use, and a folder that holds anything else than the bundle is removed. When a new one
comes, those of other versions that are older than a week go.
"""

import platform
import re
import shlex
from contextlib import suppress
from pathlib import Path

import msgspec

from topformer.benchmarks.bundle.build import PROGRAM, Bundle
from topformer.devices.facts.documents import DeviceFacts
from topformer.devices.links.link import Link, new_token, output_of
from topformer.devices.workspace import Workspace, check_hashes, device_hashes
from topformer.errors import TopformerError
from topformer.files import sha256_bytes

_NAME = "topformer-runner"
_LISTING_LIMIT_BYTES = 2**16
_KEPT_DAYS = 7


def bundle_target(facts: DeviceFacts) -> str:
    """Say which bundle a device runs; raises `TopformerError` when there is none for it."""
    if facts.architecture == "aarch64" or "arm64-v8a" in facts.abis:
        return "aarch64"
    if facts.architecture == platform.machine() and facts.link == "ssh":
        return "host"
    raise TopformerError(
        f"The runner cannot run on {facts.serial}.",
        why=f"It is a device of {facts.architecture or 'an unknown architecture'}; "
        "only 64-bit ARM is served.",
    )


def install_bundle(workspace: Workspace, folder: Path, bundle: Bundle) -> list[str]:
    """Put a bundle on the device unless it is there, and return how the runner is started.

    Raises `TopformerError` when the device is lost or full, or a file arrives damaged.
    """
    link = workspace.link
    key = sha256_bytes(msgspec.json.encode(bundle))[:16]
    for candidate in _candidates(link, key):
        if _is_whole(link, candidate, bundle):
            return bundle.command(candidate)
        output_of(link, ["rm", "-rf", candidate], what=f"Removing {candidate}")
    installed = f"{link.scratch_folder}/{_NAME}-{key}-{new_token()}"
    # It leaves the workspace when it is whole: no other bench takes it for a damaged one, and what
    # is broken off goes with the workspace.
    sent = workspace.new_path("runner")
    _push(link, folder, bundle, sent)
    output_of(link, ["mv", sent, installed], what=f"Naming {installed}")
    _remove_old(link, key)
    return bundle.command(installed)


def _candidates(link: Link, key: str) -> list[str]:
    script = f"ls -d {shlex.quote(link.scratch_folder)}/{_NAME}-{key}-*"
    return _folders(link, ["sh", "-c", script], rf"{key}-[0-9a-f]{{16}}")


def _remove_old(link: Link, key: str) -> None:
    """Remove what other versions left; another bench may use what is newer."""
    command = ["find", link.scratch_folder, "-maxdepth", "1", "-name", f"{_NAME}-*"]
    command += ["-mtime", f"+{_KEPT_DAYS}"]
    # Versions that sent a bundle beside its final place left parts of it there.
    for folder in _folders(link, command, rf"(?!{key})[0-9a-f]{{16}}-[0-9a-f]{{16}}(\.part)?"):
        with suppress(TopformerError):  # the next new one tries again
            link.run(["rm", "-rf", folder])


def _folders(link: Link, command: list[str], ending: str) -> list[str]:
    """Those of the paths that a command lists whose names are of bundles and end so."""
    listed = link.run(command, limit_bytes=_LISTING_LIMIT_BYTES).stdout
    pattern = re.escape(f"{link.scratch_folder}/{_NAME}-") + f"({ending})"
    names = listed.decode(errors="replace").splitlines()
    return [name for name in names if re.fullmatch(pattern, name)]


def _is_whole(link: Link, folder: str, bundle: Bundle) -> bool:
    """Whether a folder holds the bundle and nothing else, which a loader could find."""
    expected = {f"{folder}/{file.name}": file.sha256 for file in bundle.files}
    listed = link.run(["ls", "-A", folder], limit_bytes=_LISTING_LIMIT_BYTES).stdout
    names = set(listed.decode(errors="replace").split())
    is_complete = names == {file.name for file in bundle.files}
    return is_complete and device_hashes(link, list(expected)) == expected


def _push(link: Link, folder: Path, bundle: Bundle, remote: str) -> None:
    output_of(link, ["mkdir", "-m", "700", remote], what=f"Making {remote}")
    for file in bundle.files:
        link.push(folder / file.name, f"{remote}/{file.name}")
    programs = [f"{remote}/{name}" for name in (PROGRAM, bundle.loader) if name]
    output_of(link, ["chmod", "700", *programs], what="Allowing the runner to run")
    check_hashes(link, {f"{remote}/{file.name}": file.sha256 for file in bundle.files})
