"""What is put on a device is checked, and nothing of it outlives the bench."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from topformer.benchmarks.bundle.build import Bundle, BundleFile
from topformer.benchmarks.workers.device.bundle import bundle_target, install_bundle
from topformer.devices.facts.reading import describe_facts, read_counted_state
from topformer.devices.workspace import open_workspace, sweep_workspaces
from topformer.errors import TopformerError
from topformer.files import sha256_bytes


def nothing_left(text):
    raise AssertionError(text)


def left(link):
    return sorted(path.name for path in Path(link.scratch_folder).iterdir())


def read_where(link, program):
    return read_counted_state(link, pid_file=program.pid_file).placement


def programs_with(word):
    found = subprocess.run(["pgrep", "-f", word], capture_output=True, text=True, check=False)
    return found.stdout.split()


def test_a_workspace_is_private_and_gone_in_the_end(local_link, tmp_path):
    (tmp_path / "model").write_bytes(b"weights")
    with open_workspace(local_link, on_left=nothing_left) as workspace:
        folder = Path(workspace.folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        remote = workspace.place(tmp_path / "model", "model.pte")
        assert Path(remote).read_bytes() == b"weights"
    assert left(local_link) == []


def test_what_was_placed_is_not_sent_again(local_link, tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes(b"weights")
    with open_workspace(local_link, on_left=nothing_left) as workspace:
        workspace.place(tmp_path / "model", "m")
        monkeypatch.setattr(type(local_link), "push", pytest.fail)
        workspace.place(tmp_path / "model", "m")
        monkeypatch.undo()
        (tmp_path / "model").write_bytes(b"others")
        assert Path(workspace.place(tmp_path / "model", "m")).read_bytes() == b"others"


def test_a_file_that_arrives_damaged_is_refused(local_link, tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes(b"weights")
    monkeypatch.setattr(
        type(local_link), "push", lambda self, local, remote: Path(remote).write_bytes(b"weight")
    )
    with (
        pytest.raises(TopformerError, match="not what was sent") as raised,
        open_workspace(local_link, on_left=nothing_left) as workspace,
    ):
        workspace.place(tmp_path / "model", "model.pte")
    assert sha256_bytes(b"weight") in raised.value.why
    assert left(local_link) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TopformerError("x")])
def test_programs_and_files_end_with_it_however_it_ends(local_link, error):
    # A wrapper with a child, both of which ignore that their pipes are gone.
    script = "trap '' HUP PIPE; sh -c 'while :; do sleep 1; done' $0 & while :; do sleep 1; done"
    names = []

    def run():
        with open_workspace(local_link, on_left=nothing_left) as workspace:
            program = workspace.start(["sh", "-c", script, workspace.path("x")])
            names.append(Path(workspace.folder).name)
            deadline = time.monotonic() + 30
            while read_where(local_link, program).allowed_mask is None:
                assert time.monotonic() < deadline
            assert len(programs_with(names[0])) >= 2
            raise error

    with pytest.raises(type(error)):
        run()
    assert programs_with(names[0]) == []
    assert left(local_link) == []


def test_a_second_ctrl_c_waits_for_the_cleaning_up(local_link):
    adb = Path(local_link.adb)

    def run():
        with open_workspace(local_link, on_left=nothing_left):
            adb.write_text(adb.read_text().replace("\n", f"\nkill -INT {os.getpid()}\n", 1))

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert left(local_link) == []


def test_where_a_program_runs_is_read(local_link):
    with open_workspace(local_link, on_left=nothing_left) as workspace:
        command = ["taskset", "1", "sh", "-c", "echo up; read line", workspace.path("x")]
        program = workspace.start(command)
        assert program.conversation.read_line(timeout_s=30) == b"up"
        placement = read_where(local_link, program)
        assert placement.allowed_mask == 1
        assert placement.last_cpus == (0,)
        program.conversation.kill()


def test_a_device_that_is_lost_is_told_what_was_left_on_it(local_link):
    told = []
    with open_workspace(local_link, on_left=told.append) as workspace:
        Path(local_link.adb).write_text("#!/bin/sh\nexit 0\n")
    (text,) = told
    assert "local could not be cleaned up" in text
    assert workspace.folder in text


KEEPS = """
import sys, time
from topformer.devices.links.adb import AdbLink
from topformer.devices.workspace import open_workspace, sweep_workspaces
link = AdbLink(adb=sys.argv[1], serial="local", scratch_folder=sys.argv[2])
with open_workspace(link, on_left=print) as workspace:
    workspace.start(["sh", "-c", "trap '' HUP PIPE; sleep 600", workspace.path("x")])
    print(workspace.folder, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_bench_left_is_swept_by_the_next(local_link):
    command = [sys.executable, "-c", KEEPS, local_link.adb, local_link.scratch_folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bench:
        folder = Path(bench.stdout.readline().strip())
        bench.kill()
    deadline = time.monotonic() + 30
    while programs_with(f"topformer-keeper-{folder.name[10:]}"):  # its end is noticed soon
        assert time.monotonic() < deadline
    assert folder.is_dir()
    assert programs_with(folder.name)
    sweep_workspaces(local_link)
    assert left(local_link) == []
    assert programs_with(folder.name) == []


def test_the_folder_of_a_bench_that_goes_on_is_left_alone(local_link):
    (Path(local_link.scratch_folder) / "topformer-of-somebody-else").mkdir()
    with open_workspace(local_link, on_left=nothing_left) as workspace:
        before = left(local_link)
        sweep_workspaces(local_link)
        assert left(local_link) == before
        assert Path(workspace.folder).is_dir()


def test_a_folder_that_cannot_be_made_is_told(local_link):
    Path(local_link.scratch_folder).rmdir()
    with (
        pytest.raises(TopformerError, match="failed on local") as caught,
        open_workspace(local_link, on_left=nothing_left),
    ):
        pass
    assert "No such file" in caught.value.why


# The bundle


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    files = {"topformer-runner": b"#!/bin/sh\necho I run\n", "libx.so": b"library"}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    described = Bundle(
        target="host", runtime_version="1.5.1", compiler="g++", loader=None,
        files=tuple(
            BundleFile(name=name, size_bytes=len(data), sha256=sha256_bytes(data))
            for name, data in files.items()
        ),
    )  # fmt: skip
    return folder, described


def install(link, folder, described):
    with open_workspace(link, on_left=pytest.fail) as workspace:
        return install_bundle(workspace, folder, described)


def test_a_bundle_is_sent_once_and_runs(local_link, bundle, monkeypatch):
    command = install(local_link, *bundle)
    assert local_link.run(command).stdout == b"I run\n"
    monkeypatch.setattr(type(local_link), "push", pytest.fail)
    assert install(local_link, *bundle) == command
    (name,) = left(local_link)
    assert name.startswith("topformer-runner-")


@pytest.mark.parametrize("damage", ["bits", "missing", "added"])
def test_a_bundle_that_was_tampered_with_is_not_run_but_replaced(local_link, bundle, damage):
    first = install(local_link, *bundle)
    folder = Path(first[0]).parent
    if damage == "bits":
        (folder / "topformer-runner").write_bytes(b"#!/bin/sh\necho evil\n")
    elif damage == "missing":
        (folder / "libx.so").unlink()
    else:
        (folder / "libc.so.6").write_bytes(b"evil")
    second = install(local_link, *bundle)
    assert second != first
    assert local_link.run(second).stdout == b"I run\n"
    assert left(local_link) == [Path(second[0]).parent.name]


def test_names_that_are_not_ours_are_left_alone(local_link, bundle):
    command = install(local_link, *bundle)
    ours = Path(command[0]).parent
    for name in (f"{ours.name}; rm -rf x", f"{ours.name}.part", f"{ours.name[:-1]}g"):
        ours.with_name(name).mkdir()
    assert install(local_link, *bundle) == command
    assert len(left(local_link)) == 4


def test_old_bundles_of_other_versions_go_when_a_new_one_comes(local_link, bundle):
    week_old_s = time.time() - 9 * 86400
    other = f"topformer-runner-{'a' * 16}"
    kept = [f"{other}-{'1' * 16}", "topformer-runner-mine", "photos"]
    gone = [f"{other}-{'3' * 16}", f"topformer-runner-{'b' * 16}-{'4' * 16}"]
    for name in (*kept, *gone):
        folder = Path(local_link.scratch_folder) / name
        folder.mkdir()
        # The first is another bench's, at work.
        if name != kept[0]:
            os.utime(folder, (week_old_s, week_old_s))
    command = install(local_link, *bundle)
    assert sorted(left(local_link)) == sorted([*kept, Path(command[0]).parent.name])


def test_a_bundle_that_breaks_off_leaves_nothing(local_link, bundle):
    folder, described = bundle
    (folder / "libx.so").write_bytes(b"other")
    with pytest.raises(TopformerError, match="not what was sent"):
        install(local_link, folder, described)
    assert left(local_link) == []


def test_a_bundle_that_a_lost_device_broke_off_is_swept(local_link, bundle, monkeypatch):
    told = []

    def fail(*_, **__):
        raise TopformerError("The device is lost.")

    def push(link, local, remote):
        Path(remote).write_bytes(b"a part")
        lost.setattr(type(link), "run", fail)
        fail()

    with monkeypatch.context() as lost:
        lost.setattr(type(local_link), "push", push)
        with (
            pytest.raises(TopformerError, match="is lost"),
            open_workspace(local_link, on_left=told.append) as workspace,
        ):
            install_bundle(workspace, *bundle)
    assert left(local_link) == [Path(workspace.folder).name]
    assert len(told) == 1
    with open_workspace(local_link, on_left=pytest.fail):
        pass
    assert left(local_link) == []


@pytest.mark.parametrize(
    ("sections", "kind", "target"),
    [
        ({"system": "5.10 aarch64\n"}, "adb", "aarch64"),
        ({"system": "5.10 armv8l\n", "properties": "[ro.product.cpu.abi]: [arm64-v8a]\n"}, "adb",
         "aarch64"),
        ({"system": "6.1 aarch64\n"}, "ssh", "aarch64"),
    ],
)  # fmt: skip
def test_the_bundle_for_a_device(sections, kind, target):
    assert bundle_target(describe_facts(sections, serial="A1", kind=kind)) == target


@pytest.mark.parametrize("system", ["5.10 armv7l\n", "6.1 x86_64\n", ""])
def test_devices_for_which_there_is_none(system):
    with pytest.raises(TopformerError, match="cannot run on A1"):
        bundle_target(describe_facts({"system": system}, serial="A1", kind="adb"))
