"""What runtimes write to stderr, past Python."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from tempfile import TemporaryFile


@contextmanager
def log_kept_aside() -> Generator[None]:
    """Keep what is written to stderr meanwhile; show it only if that fails.

    On machines without ARM's identification registers ExecuTorch reports their absence five times.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(saved, log.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
