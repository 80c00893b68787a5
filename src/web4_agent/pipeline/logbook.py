"""A log file per run, one event a line with fields. Called by flows around a run."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from web4_agent.storage.atomic import translated_os_errors

ROOT = "web4_agent"


@contextmanager
def run_log(path: Path) -> Iterator[None]:
    """Append everything the project logs at INFO and above to `path` while the body runs."""
    with translated_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, encoding="utf-8")
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logger = logging.getLogger(ROOT)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level for level in (before or logging.INFO, logging.INFO)))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


class _LogFile(logging.FileHandler):
    """A full disk costs lines of the log, and is told by what could not be published: never by the log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        del record

    def close(self) -> None:
        try:
            super().close()
        except OSError:  # what was still buffered did not fit
            return
