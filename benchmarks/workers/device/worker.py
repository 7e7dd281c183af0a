"""A row measured on a device: the runner serves there, and is asked through the link."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

from topformer.benchmarks.documents.messages import Loaded, Measured
from topformer.benchmarks.documents.runner import (
    ExpectedT,
    RunnerBlock,
    RunnerOpened,
    decode_document,
)
from topformer.benchmarks.workers.device.counting import LOG_LIMIT_BYTES
from topformer.benchmarks.workers.device.placed_model import DeviceSubject
from topformer.benchmarks.workers.process import DEFAULT_PATIENCE, Patience, RowRequest
from topformer.benchmarks.workers.replies import loaded_reply, measured_reply
from topformer.devices.links.link import output_of, printable
from topformer.devices.pipes import LINE_LIMIT_BYTES, EndlessLineError
from topformer.devices.workspace import DeviceProgram, Placement
from topformer.errors import TopformerError
from topformer.text import brief


class DeviceWorker:
    """One row, as a `rounds.Worker`; every error names it and the device."""

    def __init__(
        self,
        request: RowRequest,
        subject: DeviceSubject,
        *,
        cores_mask: int | None,
        counts: bool,
        expected_outputs_sha256: str | None,
        patience: Patience,
    ) -> None:
        """Describe the row; nothing runs before `load`."""
        self.request = request
        self._subject = subject
        self._cores_mask = cores_mask
        self._count_log = subject.workspace.new_path("instructions") if counts else None
        self._expected_outputs_sha256 = expected_outputs_sha256
        self._patience = patience
        self._program: DeviceProgram | None = None
        # Where the row ran, read after each block.
        self.placements: list[Placement] = []

    def load(self, *, warmups: int) -> Loaded:
        """Open the model on the device, run it once cold, and warm it up."""
        command = self._subject.command(
            "serve",
            threads=self.request.threads,
            warmups=warmups,
            cores_mask=self._cores_mask,
            count_log=self._count_log,
        )
        self._program = self._subject.workspace.start(command)
        opened = self._read(RunnerOpened, timeout_s=self._patience.load_s)
        expected = self._expected_outputs_sha256
        if expected is not None and opened.outputs_sha256 != expected:
            self._fail(
                "computes something else than when it was checked",
                f"Its outputs' SHA-256 is {opened.outputs_sha256}; {expected} was checked.",
            )
        return loaded_reply(self._subject.manifest, self._subject.picture.name, opened)

    def measure(self, *, samples: int, warmups: int) -> Measured:
        """Take one block of samples."""
        assert self._program is not None
        try:
            self._program.conversation.send(f"{samples} {warmups}\n".encode())
        except BrokenPipeError:
            self._fail_ended()
        block = self._read(RunnerBlock, timeout_s=self._patience.block_s)
        if (len(block.samples), len(block.block_warmups)) != (samples, warmups):
            self._fail("broke off", f"It sent {len(block.samples)} of {samples} samples.")
        self.placements.append(self._program.placement())
        return measured_reply(block)

    def read_log(self) -> bytes:
        """Fetch what an emulator counted."""
        assert self._count_log is not None
        return output_of(
            self._subject.workspace.link,
            ["cat", self._count_log],
            what="Reading the instruction counts",
            limit_bytes=LOG_LIMIT_BYTES,
        )

    def _read(self, expected: type[ExpectedT], *, timeout_s: float) -> ExpectedT:
        assert self._program is not None
        try:
            line = self._program.conversation.read_line(timeout_s=timeout_s)
        except TimeoutError:
            self._fail("hangs", f"It gave no answer within {timeout_s:g} s.")
        except EndlessLineError:
            self._fail("sent an endless line", f"The limit is {LINE_LIMIT_BYTES:,} bytes.")
        except EOFError:
            self._fail_ended()
        try:
            return decode_document(line, expected)
        except TopformerError as error:
            why = f"{error.what} {brief(error.why, 1000)}".rstrip()
            self._fail("failed", why)

    def _fail_ended(self) -> NoReturn:
        assert self._program is not None
        status = self._program.conversation.exit_status()
        link = self._subject.workspace.link
        # Lost devices say so when asked; a runner that died alone leaves one that answers.
        self.kill()
        link.run(["true"])
        if status is not None and status > 128:
            self._fail("ended early", f"It was killed by signal {status - 128}.")
        self._fail("ended early", f"Its exit status is {status}.")

    def _fail(self, what: str, why: str) -> NoReturn:
        said = ""
        if self._program is not None:
            self._program.conversation.kill()
            said = printable(self._program.conversation.stderr_tail().encode())
        raise TopformerError(
            f"The row {self.request.name!r} on {self._subject.workspace.link.name} {what}.",
            why=f"{why} The end of its stderr:\n{said}" if said else why,
            next_step="Look at the device with `topformer devices`, then try again.",
        )

    def kill(self) -> None:
        """End the pipes to the runner, which then ends; the workspace makes sure of it."""
        if self._program is not None:
            self._program.conversation.kill()


@contextmanager
def device_worker(
    request: RowRequest,
    subject: DeviceSubject,
    *,
    cores_mask: int | None = None,
    counts: bool = False,
    expected_outputs_sha256: str | None = None,
    patience: Patience = DEFAULT_PATIENCE,
) -> Generator[DeviceWorker]:
    """Measure a row on a device; its runner is asked to end when the context ends.

    With `counts` an emulated device counts its instructions. `expected_outputs_sha256` is what a
    checked run computed: `load` refuses anything else.
    """
    worker = DeviceWorker(
        request,
        subject,
        cores_mask=cores_mask,
        counts=counts,
        expected_outputs_sha256=expected_outputs_sha256,
        patience=patience,
    )
    try:
        yield worker
    finally:
        worker.kill()
