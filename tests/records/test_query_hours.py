"""The roll-up: it says what the log says, in whatever batches the queries came."""

import random
from datetime import timedelta
from statistics import quantiles

from hypothesis import given
from hypothesis import strategies as st

from tests.flows.interactions import NOON, asked, source
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Interaction, Route, Status
from web4_agent.records import document_uses, query_hours
from web4_agent.records.query_hours import BUCKET_RATIO, LARGEST_BUCKET, Totals, bucket_of, quantile_ms, together
from web4_agent.storage.database import Database

DAY = NOON.replace(hour=0)


def some(count: int) -> list[Interaction]:
    draw = random.Random(7)
    return [
        asked(
            number,
            at_utc=NOON + timedelta(minutes=draw.randrange(600)),
            route=draw.choice(list(Route)),
            adapter=AdapterVersion(draw.choice(["base", "a-1"])),
            status=draw.choices(list(Status), [8, 1, 1])[0],
            latency_ms=draw.lognormvariate(7.5, 0.5),
            retrieval_ms=draw.choice([0.0, 30.0]),
            first_token_ms=draw.choice([0.0, 200.0]),
            tokens_in=draw.randrange(900),
            sources=(source("a.md"),) if draw.random() < 0.5 else (),
            hot_hits=draw.randrange(3),
        )
        for number in range(count)
    ]


def test_batches_add_up_to_what_the_queries_are(database: Database) -> None:
    rows = some(300)
    for start in range(0, len(rows), 37):
        with database.begin() as connection:
            query_hours.add(connection, rows[start : start + 37])
    with database.read() as connection:
        found = query_hours.totals(connection, DAY, DAY + timedelta(days=1))
        first_hours = query_hours.totals(connection, NOON, NOON + timedelta(hours=2))
    for route, totals in found.items():
        mine = [row for row in rows if row.route is route]
        good = [row for row in mine if row.status is Status.OK]
        looked = [row for row in mine if row.retrieval_ms or row.collections]
        assert totals.queries == len(mine)
        assert totals.answered == len(good)
        assert round(totals.latency_ms, 3) == round(sum(row.latency_ms for row in good), 3)
        assert totals.first_tokens == sum(row.first_token_ms > 0 for row in good)
        assert (totals.retrievals, totals.retrieval_hits) == (len(looked), sum(bool(row.sources) for row in looked))
        assert totals.tokens_in == sum(row.tokens_in for row in mine)
    early = sum(row.at_utc < NOON + timedelta(hours=2) for row in rows)
    assert together(first_hours.values()).queries == early
    assert together([]) == Totals()


def test_percentiles_are_within_their_bound_of_the_exact_ones(database: Database) -> None:
    rows = [row for row in some(3_000) if row.status is Status.OK]
    with database.begin() as connection:
        query_hours.add(connection, rows)
    with database.read() as connection:
        buckets = query_hours.latencies(connection, DAY, DAY + timedelta(days=1))
    exact = quantiles([row.latency_ms for row in rows], n=100, method="inclusive")
    for percent in (5, 50, 95, 99):
        found = quantile_ms(list(buckets.values()), percent / 100)
        assert abs(found / exact[percent - 1] - 1) < 0.035


@given(st.floats(0.0, 1e12))
def test_a_bucket_stands_for_what_is_in_it(latency_ms: float) -> None:
    bucket = bucket_of(latency_ms)
    assert 0 <= bucket <= LARGEST_BUCKET
    if BUCKET_RATIO <= latency_ms < BUCKET_RATIO**LARGEST_BUCKET:
        assert abs(quantile_ms([{bucket: 1}], 0.5) / latency_ms - 1) < 0.0251


def test_nothing_measured_has_no_percentile() -> None:
    assert quantile_ms([], 0.95) == 0.0
    assert quantile_ms([{3: 1, 90: 99}], 0.95) == quantile_ms([{90: 1}], 0.5)


def test_uses_count_a_query_once_a_document_and_keep_the_latest_time(database: Database) -> None:
    late = asked(2, sources=(source("a.md"), source("a.md", 2)), at_utc=NOON + timedelta(hours=3))
    for rows in ([late], [asked(1, sources=(source("a.md"), source("b.md")))]):
        with database.begin() as connection:
            document_uses.add(connection, rows)
    with database.read() as connection:
        ranked = document_uses.ranking(connection, NOON.date(), NOON.date(), 1)
        none = document_uses.ranking(connection, NOON.date() - timedelta(days=9), NOON.date() - timedelta(days=1), 9)
    assert [(one.document, one.uses, one.days, one.last_utc) for one in ranked] == [("a.md", 2, 1, late.at_utc)]
    assert none == []
