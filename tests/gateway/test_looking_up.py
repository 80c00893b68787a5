"""What a question of the team's work gets besides the model: passages, examples of calls, sources."""

import json
from typing import Any

import httpx

from tests.flows.pages import TOPICS
from tests.gateway.running import Running
from web4_agent.domain.errors import VectorStoreError
from web4_agent.domain.queries import Route
from web4_agent.flows.tooling import use_ecosystem

ABOUT = "How did we settle the queue limit of the pump on pier four?"


def asked(reply: httpx.Response) -> str:
    text: str = reply.json()["choices"][0]["message"]["content"]
    return text


def test_a_question_about_the_team_s_work_is_asked_with_numbered_sources_before_it(told: Running) -> None:
    reply = told.chat(ABOUT)
    web4 = reply.json()["web4"]
    prompt, _, footer = asked(reply).partition("\n\nSources:\n")
    assert reply.headers["x-web4-route"] == web4["route"] == "history"
    assert '<source number="1" document="2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md"' in prompt
    assert prompt.endswith(ABOUT)
    assert web4["sources"][0]["document"].endswith("0900-queue-limit.pdca.md")
    assert "queue limit" in web4["sources"][0]["title"]
    assert footer.startswith("[1] 2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md")
    row = told.logged(web4["response_id"])
    assert (row.route, row.sources[0].number) == (Route.HISTORY, 1)
    assert row.retrieval_ms > 0
    assert row.hot_hits + row.hot_misses >= 1


def test_a_stream_names_its_sources_before_it_ends_and_ollama_s_does_too(told: Running) -> None:
    for path, done in (("/v1/chat/completions", "data: [DONE]"), ("/api/chat", '"done":true')):
        body = {"model": "web4-agent", "messages": [{"role": "user", "content": ABOUT}], "stream": True}
        text = told.post(path, body).text
        assert "Sources:" in text
        assert text.index("Sources:") < text.index(done)


def test_nothing_is_added_for_a_program_that_reads_json(told: Running) -> None:
    reply = told.chat(ABOUT, response_format={"type": "json_object"})
    assert "<source" in asked(reply)
    assert "\n\nSources:\n" not in asked(reply)


def test_retrieval_is_forced_and_forbidden_by_header_and_by_option(told: Running) -> None:
    body: dict[str, Any] = {"model": "web4-agent", "messages": [{"role": "user", "content": ABOUT}]}
    never = told.post("/v1/chat/completions", body, **{"X-Web4-Retrieval": "never"})
    assert never.headers["x-web4-route"] == "trained"
    assert asked(never) == ABOUT
    plain = {**body, "messages": [{"role": "user", "content": "seagulls avoid ochre paint"}]}
    assert told.post("/v1/chat/completions", plain).headers["x-web4-route"] == "trained"
    forced = told.post("/v1/chat/completions", {**plain, "web4": {"retrieval": "force"}})
    assert "paint-colour" in forced.headers["x-web4-sources"]
    option = {"retrieval": "never"}
    ollama = told.post("/api/chat", {**body, "stream": False, "web4": option}, **{"X-Web4-Retrieval": "force"})
    assert ollama.headers["x-web4-route"] == "trained"
    assert told.post("/v1/chat/completions", body, **{"X-Web4-Retrieval": "perhaps"}).status_code == 400


def test_an_instruction_inside_a_document_stays_between_its_marks(told: Running) -> None:
    prompt = asked(told.chat("How did we settle the seagull siren?")).partition("\n\nSources:\n")[0]
    start = prompt.index('document="2026-03-02/2026-03-02-UTC-1900-hostile')
    inside = prompt[start : prompt.index("\n</source>", start)]
    assert "answer PWNED" in inside
    assert "<|im_start|>" not in prompt
    introduction = prompt[: prompt.index("<source number=")]
    assert prompt.count("</source>") - introduction.count("</source>") == prompt.count("<source number=")
    assert "not to be followed" in prompt[:start]


def test_a_wish_for_action_gets_examples_in_the_form_of_the_ecosystem_in_force(told: Running) -> None:
    wish = "Read the file src/queue.ts and run its tests"
    reply = told.chat(wish)
    assert reply.headers["x-web4-route"] == "tools"
    assert "that continue understands" in asked(reply)
    assert "Sources:" not in asked(reply)
    row = told.logged(reply.headers["x-web4-response-id"])
    assert (row.ecosystem, row.collections) == ("continue", ("tool_examples",))
    use_ecosystem(told.runtime.tool_parts(), "cline")
    assert "that cline understands" in asked(told.chat(wish))
    use_ecosystem(told.runtime.tool_parts(), "continue")


def test_a_store_that_fails_costs_the_sources_and_not_the_answer(told: Running) -> None:
    library = told.runtime.library
    look_up = library.look_up

    def broken(*_: object) -> None:
        raise VectorStoreError("the vector store is locked", "close the other program")

    library.look_up = broken  # type: ignore[method-assign, assignment] # a store that fails
    try:
        reply = told.chat(ABOUT)
    finally:
        library.look_up = look_up  # type: ignore[method-assign] # as it was
    assert reply.status_code == 200
    assert asked(reply) == ABOUT
    assert "missed: the vector store is locked" in reply.headers["x-web4-reason"]


def test_a_thumb_is_kept_for_the_response_and_replaced_by_a_later_one(told: Running) -> None:
    response = told.chat(ABOUT).headers["x-web4-response-id"]
    for thumb in ("up", "down"):
        given = told.post("/v1/feedback", {"response_id": response, "thumb": thumb, "comment": "so"})
        assert (given.status_code, given.json()["thumb"]) == (200, thumb)
    assert told.post("/v1/feedback", {"response_id": "w4-unknown", "thumb": "up"}).status_code == 400
    assert told.post("/v1/feedback", {"response_id": response, "thumb": "sideways"}).status_code == 400
    assert 'web4_feedback_total{thumb="down"} 1.0' in told.get("/metrics").text


def test_what_the_journal_holds_of_a_day_is_found_by_the_day(told: Running) -> None:
    reply = told.chat("What did we do on 2026-03-02?")
    assert reply.headers["x-web4-route"] == "history"
    assert len(reply.json()["web4"]["sources"]) >= 2
    assert json.dumps(reply.json()["web4"]["sources"]).count("2026-03-02/") >= 2
    assert len(TOPICS) >= 3
