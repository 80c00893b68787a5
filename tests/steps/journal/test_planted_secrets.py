"""Twenty planted secrets, each in a document of its own: where they are stopped. None reaches a sample."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.flows.pages import page
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.journal.safety import clean_of_secrets, screen
from web4_agent.steps.samples.build import build_samples
from web4_agent.steps.samples.screen import forbidden_text
from web4_agent.steps.samples.screen import screen as screen_samples

KEY = "Q7xv2LmZ9pRt4KwB8nYc3HsD"
"""The random part of each, so that it is found wherever it went."""

PLANTED = {
    "openai key": f"the key is sk-proj-{KEY}{KEY}",
    "anthropic key": f"ANTHROPIC_API_KEY=sk-ant-api03-{KEY}{KEY}",
    "github token": f"pushed with ghp_{KEY}aB3dE5fG7h9J",
    "gitlab token": f"the runner uses glpat-{KEY[:20]}",
    "npm token": f"//registry/:_authToken=npm_{KEY}aB3dE5fG7h9J",
    "hugging face token": f"login with hf_{KEY}aB3dE5fG7h",
    "slack token": f"xoxb-123456789012-123456789012-{KEY}",
    "aws key id": "aws_access_key_id = AKIA2E7XVLMZ9PRT4KWB",
    "aws secret": f"aws_secret_access_key = {KEY}/{KEY[:15]}",
    "bearer token": f"curl -H 'Authorization: Bearer {KEY}'",
    "bearer jwt": f"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{KEY}",
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\nMIIEow{KEY}\n-----END RSA PRIVATE KEY-----",
    "postgres url": f"postgres://mooring:{KEY}@db.example.org:5432/berths",
    "mysql url": f"mysql://root:{KEY}@10.0.0.7/berths",
    "redis url": f"redis://:{KEY}@cache.example.org:6379/0",
    "mongodb url": f"mongodb+srv://app:{KEY}@cluster.example.org/x",
    "password assigned": f'password = "{KEY}"',
    "api key assigned": f'api_key: "{KEY}"',
    "client secret": f"client_secret={KEY}",
    "password in prose": f"Log in as harbour with the password {KEY} and change nothing.",
}


def planted() -> Iterator[tuple[str, Document]]:
    for name, line in PLANTED.items():
        text = page(f"matter of {name}").replace("## **✅ CHECK**\n", f"- **Noted:** {line}\n\n## **✅ CHECK**\n")
        parsed = parse_document(DocumentId(f"{name}.md"), text.encode(), modified_utc=datetime(2026, 3, 2, tzinfo=UTC))
        assert isinstance(parsed, Document)
        yield name, parsed


def test_there_are_twenty() -> None:
    assert len(PLANTED) == 20


def test_the_index_stops_all_twenty() -> None:
    assert {name for name, document in planted() if screen(document).rejection is not None} == set(PLANTED)


@pytest.mark.parametrize(
    "line",
    [
        "Log in with the password from the safe.",
        "The password is changeme-please-now",
        "The password PDCA-journal-entry",
    ],
)
def test_prose_about_passwords_is_no_secret(line: str) -> None:
    assert clean_of_secrets(line)


def test_what_passes_the_index_is_looked_for_in_the_final_samples() -> None:
    """As if the index had let all through: the second look is at the strings that are trained."""
    leaked = set()
    for name, document in planted():
        built = build_samples(document, seed=1).train
        assert built
        kept = screen_samples(built, forbidden_text([]), has_secret=lambda text: not clean_of_secrets(text)).kept
        if any(KEY[:16] in sample.prompt + sample.target or "AKIA2E7" in sample.target for sample in kept):
            leaked.add(name)
    assert leaked == set()


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_what_is_told_of_a_secret_does_not_hold_it(name: str) -> None:
    document = dict(planted())[name]
    rejection = screen(document).rejection
    assert rejection is not None
    assert KEY[:8] not in rejection.detail
