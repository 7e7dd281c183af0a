"""A row measured on a device: the runner serves there, and is asked through the link."""

from collections.abc import Sequence
from typing import NoReturn

from topformer.benchmarks.documents.runner import Measured
from topformer.benchmarks.workers.device.counting import LOG_LIMIT_BYTES
from topformer.benchmarks.workers.device.placed_model import PlacedModel
from topformer.benchmarks.workers.process import DEFAULT_PATIENCE, Patience, ProcessWorker, Service
from topformer.benchmarks.workers.rows import RowRequest
from topformer.children import Conversation
from topformer.devices.facts.reading import CountedState, Placement, read_counted_state
from topformer.devices.links.link import output_of
from topformer.devices.workspace import DeviceProgram


class DeviceWorker(ProcessWorker):
    """One row on a device, and where it ran there.

    When the context ends, so do the pipes to the runner, and the runner with them; the workspace
    makes sure of it.
    """

    advice = "Look at the device with `topformer devices`, then try again."

    def __init__(
        self,
        request: RowRequest,
        placed: PlacedModel,
        *,
        cores_mask: int | None = None,
        counts: bool = False,
        expected_outputs_sha256: str | None = None,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        """Describe the row; nothing runs before `load`.

        With `counts` an emulated device counts its instructions. `expected_outputs_sha256` is what
        a checked run computed: `load` refuses anything else.
        """
        self._workspace = placed.workspace
        self._link = placed.workspace.link
        self._count_log = placed.workspace.new_path("instructions") if counts else None
        self._program: DeviceProgram | None = None
        # Read after each block, with the device's state.
        self.placements: list[Placement] = []
        self.has_run_since = False

        def prepare(warmups: int) -> Service:
            command = placed.command(
                "serve",
                threads=request.threads,
                warmups=warmups,
                cores_mask=cores_mask,
                count_log=self._count_log,
            )
            return Service(
                command=command, manifest=placed.manifest, outputs_sha256=expected_outputs_sha256
            )

        super().__init__(request, prepare, device=self._link.name, patience=patience)

    def _start(self, command: Sequence[str]) -> Conversation:
        self._program = self._workspace.start(command)
        return self._program.conversation

    def measure(self, *, samples: int, warmups: int) -> Measured:
        """Take one block of samples."""
        measured = super().measure(samples=samples, warmups=warmups)
        self.has_run_since = True
        return measured

    def read_state(self) -> CountedState:
        """Read the device's state, and note where the last block ran: idle threads stay there."""
        assert self._program is not None
        counted = read_counted_state(self._link, pid_file=self._program.pid_file)
        self.placements.append(counted.placement)
        self.has_run_since = False
        return counted

    def read_log(self) -> bytes:
        """Fetch what an emulator counted."""
        assert self._count_log is not None
        return output_of(
            self._link,
            ["cat", self._count_log],
            what="Reading the instruction counts",
            limit_bytes=LOG_LIMIT_BYTES,
        )

    def _fail_ended(self) -> NoReturn:
        # Lost devices say so when asked; a runner that died alone leaves one that answers.
        self._link.run(["true"])
        super()._fail_ended()
