"""Versions of the retrieval policy: a stack of which the newest that was not taken back holds."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from web4_agent.domain.errors import IntegrityError
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.domain.tuning import Change, Comparison, Measured
from web4_agent.records import policies
from web4_agent.storage.database import Database

AT = datetime(2026, 3, 2, 22, tzinfo=UTC)
POLICY = RetrievalPolicy(results=2, share=0.5, left_out=("links", "meta"))
ONE = Measured(10, 10, 0.9, 0.7, 0.8, 0.5, 3.0, 400.0, 200.0, 0.83, 1.5)
FIGURES = Comparison(ONE, ONE, (Change("worth", 0.01, 0.005, 0.015),), 0.95)


def test_a_version_comes_back_as_it_was_applied(database: Database) -> None:
    with database.begin() as connection:
        assert policies.number_in_force(connection) == 0
        assert policies.apply(connection, POLICY, FIGURES, "tuned", AT) == 1
        found = policies.find(connection, 1)
    assert found is not None
    assert (found.policy, found.figures, found.parent, found.at_utc, found.why) == (POLICY, FIGURES, 0, AT, "tuned")


def test_taking_back_goes_down_the_versions_to_the_settings(database: Database) -> None:
    with database.begin() as connection:
        for results in (1, 2):
            policies.apply(connection, RetrievalPolicy(results=results), None, "", AT)
        assert policies.revert(connection, AT) == (2, 1)
        assert policies.apply(connection, POLICY, None, "", AT) == 3
        assert policies.revert(connection, AT) == (3, 1)
        assert policies.revert(connection, AT) == (1, 0)
        assert policies.revert(connection, AT) is None
        assert [(one.number, one.parent, one.reverted_utc) for one in policies.every(connection)] == [
            (3, 1, AT),
            (2, 1, AT),
            (1, 0, AT),
        ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("""replace(body, '"share"', '"part"')""", "unknown key 'part'"),
        ("""replace(body, '0.5', '7.5')""", "share is 7.5"),
        ("""'{'""", "damaged"),
    ],
)
def test_a_version_that_this_program_can_not_read_is_named(database: Database, change: str, told: str) -> None:
    with database.begin() as connection:
        policies.apply(connection, POLICY, None, "", AT)
        connection.execute(text(f"UPDATE policies SET body = {change}"))
        with pytest.raises(IntegrityError, match=told):
            policies.find(connection, 1)
        assert policies.revert(connection, AT) == (1, 0)
