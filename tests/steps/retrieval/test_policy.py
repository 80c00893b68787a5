"""What a policy's figures do in a look-up, and how a version that is put in force is followed."""

import logging
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.flows.fakes import World
from tests.flows.tuned import AT, SETTINGS, fill
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.lexical.tantivy_words import TantivyWords
from web4_agent.domain.queries import Route, RouteDecision, Tier
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.records import policies
from web4_agent.steps.retrieval.filters import Filters
from web4_agent.steps.retrieval.library import Found, Library, LibraryParts, LibraryPolicy
from web4_agent.steps.retrieval.ranking import Seen, ordered

SEMANTIC = RouteDecision(Route.HISTORY, "a test", (Tier.SEMANTIC,))
ASKED = "brought anchorstone anchorwood anchorcord beside amber timber toward the attic wall"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return fill(World(tmp_path_factory.mktemp("policy")), 6)


@pytest.fixture
def library(world: World) -> Library:
    with world.database.begin() as connection:
        connection.execute(text("DELETE FROM policies"))
    policy = LibraryPolicy(replace(SETTINGS, similarity=-1.0), look_every_s=0.0)
    return Library(LibraryParts(world.database, lambda: world.store, ScriptedEmbedder, TantivyWords, policy))


def asked(library: Library, filters: Filters | None = None) -> Found:
    return library.look_up(ASKED, SEMANTIC, filters or Filters())


def put(world: World, policy: RetrievalPolicy) -> None:
    with world.database.begin() as connection:
        policies.apply(connection, policy, None, "a test", AT)


def test_a_version_is_followed_by_a_library_that_runs_and_so_is_its_taking_back(world: World, library: Library) -> None:
    assert len(asked(library).passages) == 3
    put(world, replace(SETTINGS, similarity=-1.0, results=5))
    assert len(asked(library).passages) == 5
    put(world, replace(SETTINGS, similarity=-1.0, results=1))
    assert len(asked(library).passages) == 1
    with world.database.begin() as connection:
        policies.revert(connection, AT)
    assert len(asked(library).passages) == 5
    with world.database.begin() as connection:
        policies.revert(connection, AT)
    assert len(asked(library).passages) == 3


def test_a_version_that_can_not_be_read_is_logged_and_the_settings_hold(
    world: World, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    put(world, replace(SETTINGS, results=1))
    with world.database.begin() as connection:
        connection.execute(text("UPDATE policies SET body = replace(body, 'share', 'part')"))
    with caplog.at_level(logging.ERROR):
        assert len(asked(library).passages) == 3
    assert "unknown key 'part'" in caplog.text


def test_a_share_of_the_best_score_leaves_the_others_out(world: World, library: Library) -> None:
    first = asked(library).passages[0].document
    put(world, replace(SETTINGS, similarity=-1.0, share=0.9))
    assert [one.document for one in asked(library).passages] == [first]


def test_kinds_that_are_left_out_are_not_shown_unless_they_are_asked_for(world: World, library: Library) -> None:
    kinds = {str(one.metadata["kind"]) for one in asked(library).passages}
    put(world, replace(SETTINGS, similarity=-1.0, left_out=tuple(kinds)))
    found = asked(library).passages
    assert found
    assert not {str(one.metadata["kind"]) for one in found} & kinds
    wanted = min(kinds)
    assert {one.metadata["kind"] for one in asked(library, Filters(kind=wanted)).passages} == {wanted}


def test_weights_say_which_search_counts() -> None:
    seen = Seen({1: 0.9, 2: 0.5, 3: 0.2}, {1: 1.0, 2: 0.5}, {2: 1.0}, {3: 1.0, 2: 0.1}, {})
    open_to_all = RetrievalPolicy(similarity=0.0)
    assert [place for place, _ in ordered(seen, open_to_all)] == [2, 1, 3]
    assert [place for place, _ in ordered(seen, replace(open_to_all, meaning=3.0))] == [1, 2, 3]
    assert [place for place, _ in ordered(seen, replace(open_to_all, document_words=5.0))] == [3, 2, 1]
    assert [place for place, _ in ordered(seen, replace(open_to_all, similarity=0.4))] == [2, 1]
    assert [place for place, _ in ordered(seen, replace(open_to_all, share=0.7))] == [2]
