"""The lines that `serve` and `up` write: one a request, text or JSON, and never what was asked."""

import io
import json
import logging
from pathlib import Path

from tests.observability.conftest import Traced
from web4_agent.pipeline.log_lines import JsonLines, Waiting, lines_on

log = logging.getLogger("web4_agent.tests")


def as_json(message: str, *values: object) -> dict[str, object]:
    record = logging.LogRecord("web4_agent.tests", logging.INFO, __file__, 1, message, values, None)
    found: dict[str, object] = json.loads(JsonLines().format(record))
    return found


def test_a_request_is_one_line_with_its_figures_and_without_its_words(traced: Traced) -> None:
    stream = io.StringIO()
    with lines_on("json", stream):
        response = traced.gateway.chat("a secret plan for the harbour").headers["x-web4-response-id"]
        traced.gateway.logged(response)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [line for line in lines if line.get("event") == "gateway.request"]
    assert len(told) == 1
    assert told[0]["response"] == response
    assert (told[0]["status"], told[0]["route"], told[0]["level"]) == ("ok", "trained", "info")
    assert isinstance(told[0]["seconds"], float)
    assert told[0]["stream"] is False
    assert "harbour" not in stream.getvalue()


def test_text_lines_are_the_same_for_people(traced: Traced) -> None:
    stream = io.StringIO()
    with lines_on("text", stream):
        traced.gateway.logged(traced.gateway.chat("hello").headers["x-web4-response-id"])
    line = next(one for one in stream.getvalue().splitlines() if "gateway.request" in one)
    assert " INFO web4_agent.gateway.relay gateway.request response=w4-" in line
    assert " status=ok " in line


def test_a_night_s_step_becomes_an_event_with_typed_fields() -> None:
    line = as_json("night.step_committed run=%s step=%s seconds=%.2f", "r-1", "train", 12.345)
    assert line["event"] == "night.step_committed"
    assert (line["run"], line["step"], line["seconds"]) == ("r-1", "train", 12.345)


def test_a_value_with_blanks_and_signs_stays_one_field() -> None:
    line = as_json("gateway.refresh_failed reason=%s", "the ledger a=b is locked")
    assert line["reason"] == "the ledger a=b is locked"


def test_an_event_whose_name_is_filled_in_keeps_its_name() -> None:
    line = as_json("probation.%s adapter=%s reason=%s", "alarmed", "a-1", "loops")
    assert (line["event"], line["adapter"], line["reason"]) == ("probation.alarmed", "a-1", "loops")


def test_a_line_that_is_no_event_is_a_message() -> None:
    assert as_json("connection to %s lost", "x")["message"] == "connection to x lost"


def test_a_traceback_is_in_the_line_of_its_error() -> None:
    stream = io.StringIO()
    with lines_on("json", stream):
        log.error("gateway.bug path=%s", "/x", exc_info=ValueError("broken"))
    line = json.loads(stream.getvalue())
    assert line["path"] == "/x"
    assert "ValueError: broken" in line["traceback"]


def test_a_reader_that_stops_costs_lines_and_is_told_how_many() -> None:
    waiting = Waiting(lines=2)

    def say(number: int) -> None:
        waiting.emit(logging.LogRecord("web4_agent", logging.INFO, "", 1, "x.y n=%d", (number,), None))

    def read() -> list[str]:
        return [waiting.queue.get_nowait().getMessage() for _ in range(waiting.queue.qsize())]

    for number in range(5):
        say(number)
    assert waiting.dropped == 3
    assert read() == ["x.y n=0", "x.y n=1"]
    say(5)
    say(6)
    assert read() == ["x.y n=5", "log.lines_dropped lines=3"]
    assert waiting.dropped == 4


def test_afterwards_the_loggers_are_as_they_were(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger("web4_agent").level
    with lines_on("text", io.StringIO()):
        pass
    assert (logging.getLogger().handlers, logging.getLogger("web4_agent").level) == before
