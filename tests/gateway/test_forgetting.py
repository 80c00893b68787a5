"""A document is forgotten beside a gateway that has shown it: what it served, held and logged of it is gone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flows.pages import journal
from tests.gateway.running import Running, make_runtime, started
from tests.gateway.swapping import promote
from tests.gateway.test_bad_days import wait_until
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.domain.ids import BASE, DocumentId
from web4_agent.flows.forgetting import ForgetRequest, Replay, forget
from web4_agent.flows.indexing import IndexRequest, index
from web4_agent.records import adapters, documents

ABOUT = "How did we settle the queue limit of the pump on pier four?"
NAME = "2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md"


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """It says back what it was asked, over an indexed journal, and looks about often."""
    monkeypatch.setattr("web4_agent.gateway.serve._REFRESH_S", 0.05)
    journal(tmp_path / "journal")
    launcher = ScriptedLauncher()
    overrides = {"journal.root": str(tmp_path / "journal"), "retrieval.similarity": 0.05}
    runtime = make_runtime(tmp_path, overrides, launcher)
    index(runtime.index_parts(), IndexRequest())
    with started(runtime, launcher) as one:
        yield one
    runtime.close()


def test_a_gateway_that_serves_shows_a_forgotten_document_no_more(gateway: Running) -> None:
    runtime = gateway.runtime
    learned = promote(runtime, "a-learned-it")
    with runtime.database.begin() as connection:
        row = documents.present(connection, DocumentId(NAME))
        assert row is not None
        adapters.add_documents(connection, learned, [(row.id, row.content_hash)])
    wait_until(lambda: gateway.get("/readyz").json()["adapter"] == learned)
    shown = gateway.chat(ABOUT)
    assert NAME in shown.text
    assert "pump on pier four" in gateway.logged(shown.json()["web4"]["response_id"]).answer
    assert DocumentId(NAME) in runtime.library.hot.versions()

    forget(replace(runtime.forget_parts(), fresh_store=None), ForgetRequest((NAME,), replay=Replay.NEVER))

    wait_until(lambda: DocumentId(NAME) not in runtime.library.hot.versions())
    wait_until(lambda: gateway.get("/readyz").json()["adapter"] == BASE)
    after = gateway.chat(ABOUT)
    assert after.headers["x-web4-adapter"] == BASE
    assert NAME not in after.text
    assert "overflowed" not in after.text
    row_after = gateway.logged(shown.json()["web4"]["response_id"])
    assert (row_after.query, row_after.answer, [one.document for one in row_after.sources if one.document == NAME]) == (
        "",
        "",
        [],
    )
