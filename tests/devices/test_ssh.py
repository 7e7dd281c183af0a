"""A real ssh server on loopback: what works, and what is said when it does not."""

import os
import pwd
import time
from dataclasses import replace
from pathlib import Path

import pytest

from support.loopback import free_port
from topformer.devices.facts.reading import read_counted_state, read_facts
from topformer.devices.links.link import output_of, pull
from topformer.devices.links.ssh import connect_ssh
from topformer.devices.workspace import open_workspace
from topformer.errors import TopformerError, UsageError

pytestmark = pytest.mark.slow


@pytest.fixture
def board(loopback, tmp_path, monkeypatch):
    """Connect; the scratch folder lies in this test's own folder."""
    loopback.configure()
    with connect_ssh("ssh:board") as link:
        yield replace(link, scratch_folder=str(tmp_path))


def test_a_link_runs_programs_and_copies_files(board, tmp_path):
    finished = board.run(["sh", "-c", "echo out; echo error >&2; exit 4"])
    assert (finished.exit_status, finished.stdout, finished.stderr) == (4, b"out\n", b"error\n")
    assert board.run(["echo", "$HOME; `id` \n'\""]).stdout == b"$HOME; `id` \n'\"\n"
    data = bytes(range(256)) * 1000
    (tmp_path / "here").write_bytes(data)
    board.push(tmp_path / "here", f"{tmp_path}/there '$x'")
    pull(board, f"{tmp_path}/there '$x'", tmp_path / "back", limit_bytes=len(data))
    assert (tmp_path / "back").read_bytes() == data
    assert (board.name, board.kind) == ("ssh:board", "ssh")
    assert read_facts(board).serial == "ssh:board"


def connections(loopback):
    return (loopback.folder / "log").read_text().count("Accepted publickey")


def test_questions_share_a_connection_that_ends_with_the_link(loopback):
    with connect_ssh("ssh:board") as link:
        before = connections(loopback)
        assert before == 2  # the first question's, and that which is shared
        for number in ("1", "2", "3"):
            assert link.run(["echo", number]).stdout == f"{number}\n".encode()
        assert connections(loopback) == before
        assert link.socket.is_socket()
    assert not link.socket.parent.exists()
    assert link.run(["echo", "4"]).stdout == b"4\n"
    assert connections(loopback) == before + 1


def test_a_server_that_lets_connections_be_shared_by_nobody(loopback):
    loopback.stop()
    with (loopback.folder / "sshd_config").open("a") as config:
        config.write("MaxSessions 1\n")
    loopback.server = loopback.start()
    with connect_ssh("ssh:board") as link:
        assert link.run(["echo", "on"]).stdout == b"on\n"
        assert connections(loopback) == 3


def test_the_scratch_folder_is_the_users_own(loopback):
    with connect_ssh("ssh:board") as link:
        pass
    assert Path(link.scratch_folder) == Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache/topformer"
    assert Path(link.scratch_folder).is_dir()


def test_a_program_is_spoken_to_and_ends_with_the_workspace(board):
    with open_workspace(board, on_left=pytest.fail) as workspace:
        program = workspace.start(
            ["sh", "-c", "while read x; do echo $x; done", workspace.path("x")]
        )
        program.conversation.send(b"hello\n")
        assert program.conversation.read_line(timeout_s=30) == b"hello"
        assert read_counted_state(board, pid_file=program.pid_file).placement.allowed_mask
        program.conversation.kill()
    assert not Path(workspace.folder).exists()


def test_an_unknown_host_key_is_refused(loopback):
    loopback.configure(UserKnownHostsFile="/dev/null")
    with (
        pytest.raises(TopformerError, match="host key of board is not known") as raised,
        connect_ssh("ssh:board"),
    ):
        pass
    assert "`ssh board`" in raised.value.next_step


def test_a_host_that_wants_a_password(loopback):
    loopback.configure(IdentityFile=f"{loopback.folder}/host")
    with (
        pytest.raises(TopformerError, match="without a password") as raised,
        connect_ssh("ssh:board"),
    ):
        pass
    assert "ssh-copy-id board" in raised.value.next_step


def test_hosts_that_are_not_there(loopback):
    loopback.configure(Port=str(free_port()))
    with pytest.raises(TopformerError, match="no ssh server"), connect_ssh("ssh:board"):
        pass
    loopback.configure(HostName="no-such-host.invalid")
    with pytest.raises(TopformerError, match="no host called board"), connect_ssh("ssh:board"):
        pass


@pytest.mark.parametrize("host", ["", "-oProxyCommand=x", "a b", "a;b", "a\nb", "$(x)"])
def test_what_is_no_host_never_reaches_ssh(host, monkeypatch):
    monkeypatch.setattr("topformer.devices.links.ssh.shutil.which", pytest.fail)
    with pytest.raises(UsageError, match="is no host"), connect_ssh(f"ssh:{host}"):
        pass


def test_a_server_that_dies_in_the_middle_of_an_answer(board, loopback, tmp_path):
    """Its connection's process is killed, as when a board loses power."""
    start_s = time.monotonic()
    with pytest.raises(TopformerError, match="ssh:board was lost"):
        board.run(
            ["sh", "-c", "echo half; kill -9 $PPID; kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)"]
        )
    assert time.monotonic() - start_s < 60


def test_no_ssh_names_the_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(TopformerError, match="'ssh' was not found") as raised,
        connect_ssh("ssh:board"),
    ):
        pass
    assert "apt install openssh-client" in raised.value.next_step


def test_a_full_disk(board):
    """A device file that is always full stands in for one."""
    with pytest.raises(TopformerError, match="board is full"):
        board.push(Path(__file__), "/dev/full")
    assert output_of(board, ["echo", "on"], what="Going on") == b"on\n"


def test_a_file_that_is_not_taken_is_no_lost_host(board, tmp_path):
    with pytest.raises(TopformerError, match=f"board did not take {tmp_path}") as raised:
        board.push(Path(__file__), str(tmp_path))
    assert "directory" in raised.value.why.lower()
    assert "`ssh board`" in raised.value.next_step
