"""This machine before and after a bench, for the record."""

import os
import platform
import time
from datetime import UTC, datetime

from topformer.benchmarks.documents.bench import Environment
from topformer.devices import machine


class EnvironmentWatch:
    """Notes the machine's state now, and again at `finish`."""

    def __init__(self) -> None:
        self._started_at = datetime.now(UTC)
        self._start_s = time.monotonic()
        self._load = machine.load_average()
        self._frequency_mhz = machine.frequency_mhz()

    def finish(self) -> Environment:
        """Describe the machine before and after."""
        memory_bytes, available_bytes = machine.memory_bytes()
        return Environment(
            started_at=self._started_at.isoformat(timespec="seconds"),
            duration_s=time.monotonic() - self._start_s,
            cpu_model=machine.cpu_model(),
            architecture=platform.machine(),
            cpu_count=machine.cpu_count(),
            cpu_quota=machine.cpu_quota(),
            governor=machine.governor(),
            frequency_mhz_before=self._frequency_mhz,
            frequency_mhz_after=machine.frequency_mhz(),
            load_average_before=self._load,
            load_average_after=machine.load_average(),
            memory_bytes=memory_bytes,
            memory_available_bytes=available_bytes,
            os=platform.platform(),
            container=machine.is_container(),
            virtual_machine=machine.is_virtual_machine(),
            python=platform.python_version(),
            libraries=machine.library_versions(),
            omp_wait_policy=os.environ.get("OMP_WAIT_POLICY"),
        )
