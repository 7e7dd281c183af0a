"""What the runner's bundle does with what earlier ones left on a device."""

import os
import time
from pathlib import Path

import pytest

from topformer.benchmarks.bundle.build import PROGRAM, Bundle, BundleFile
from topformer.benchmarks.workers.device.bundle import install_bundle
from topformer.devices.workspace import open_workspace
from topformer.files import sha256_bytes

PART = f"topformer-runner-{'a' * 16}-{'1' * 16}.part"


@pytest.mark.parametrize(("name", "stays"), [(PART, False), (f"{PART}y", True)])
def test_an_old_part_of_a_bundle_goes_when_a_new_one_comes(local_link, tmp_path, name, stays):
    program = b"#!/bin/sh\n"
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / PROGRAM).write_bytes(program)
    file = BundleFile(name=PROGRAM, size_bytes=len(program), sha256=sha256_bytes(program))
    bundle = Bundle(target="host", runtime_version="1", compiler="g++", loader=None, files=(file,))
    part = Path(local_link.scratch_folder) / name
    part.mkdir()
    old_s = time.time() - 9 * 86400
    os.utime(part, (old_s, old_s))
    with open_workspace(local_link, on_left=pytest.fail) as workspace:
        install_bundle(workspace, sent, bundle)
    assert part.exists() == stays
