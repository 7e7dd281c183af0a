"""Manifests that vouch for files which are not what was exported."""

from pathlib import Path

import msgspec

from topformer.documents import encode_document
from topformer.files import sha256_file
from topformer.manifest import Manifest, manifest_path, read_manifest


def vouch_for(path: Path, manifest: Manifest | None = None) -> Manifest:
    """Write the manifest of a file, or change the one that it has, so that the hash is its own."""
    manifest = manifest or read_manifest(manifest_path(path))
    file = msgspec.structs.replace(manifest.file, sha256=sha256_file(path))
    manifest = msgspec.structs.replace(manifest, file=file)
    manifest_path(path).write_bytes(encode_document(manifest))
    return manifest


def halve(path: Path) -> None:
    """Cut a file, and let its manifest vouch for what is left."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    vouch_for(path)
