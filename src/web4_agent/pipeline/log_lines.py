"""What is logged, as lines on a stream: text for people or JSON for a collector, written by a thread of its own.

Called by bootstrap for the commands that run until they are stopped. Log calls here read `event.name key=%s key=%d`, so
the fields of a line are told from its message without parsing values. A reader that stops reading costs lines, which
are counted, and never an answer.
"""

import json
import logging
import queue
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Literal, TextIO

from web4_agent.pipeline.logbook import ROOT

LogFormat = Literal["text", "json"]
WAITING_LINES = 10_000
_EVENT = re.compile(r"[\w%]+(\.[\w%]+)+( \w+=%[-+.\d]*[a-z])*")
_FIELD = re.compile(r" (\w+)=%[-+.\d]*[a-z]")
_DAY_AND_TIME = "%Y-%m-%dT%H:%M:%S"


@contextmanager
def lines_on(form: LogFormat, stream: TextIO | None = None) -> Iterator["Waiting"]:
    """Write everything of the project from INFO on, and warnings of its libraries, while the body runs."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    waiting = Waiting()
    listener = QueueListener(waiting.queue, handler)
    ours, everybody = logging.getLogger(ROOT), logging.getLogger()
    before = ours.level
    everybody.addHandler(waiting)
    ours.setLevel(logging.INFO)
    listener.start()
    try:
        yield waiting
    finally:
        everybody.removeHandler(waiting)
        ours.setLevel(before)
        listener.stop()


class Waiting(QueueHandler):
    """Takes lines in a microsecond. `dropped`: those that came while the queue was full; a line says how many, once
    there is room again."""

    queue: "queue.Queue[logging.LogRecord]"

    def __init__(self, lines: int = WAITING_LINES) -> None:
        super().__init__(queue.Queue(lines))
        self.dropped = self._told = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As it is: the reader is a thread, not a process, and wants the fields apart."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            return
        if new := self.dropped - self._told:
            with suppress(queue.Full):  # told with the next line that fits
                self.queue.put_nowait(_of_dropped(new))
                self._told += new


class TextLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)s %(name)s %(message)s", _DAY_AND_TIME)

    converter = staticmethod(time.gmtime)


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, event and its fields; a message that is no event is `message`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _of_dropped(lines: int) -> logging.LogRecord:
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, "log.lines_dropped lines=%d", (lines,), None)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Numbers and truth stay what they are; everything else is its text."""
    template = record.msg if isinstance(record.msg, str) else ""
    names = _FIELD.findall(template)
    values = record.args if isinstance(record.args, tuple) else ()
    if not _EVENT.fullmatch(template) or len(names) > len(values):
        return {"message": record.getMessage()}
    said = record.getMessage().split(" ", 1)[0]
    own = values[len(values) - len(names) :]
    return {"event": said} | {name: _plain(value) for name, value in zip(names, own, strict=True)}


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    return value if isinstance(value, bool | int) or value is None else str(value)
