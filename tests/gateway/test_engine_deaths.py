"""When people are told of an engine: not for one death, but for three in ten minutes, or for one that stays away."""

from datetime import UTC, datetime, timedelta

import pytest

from web4_agent.domain.ids import AdapterVersion
from web4_agent.gateway.engine_deaths import EngineDeaths
from web4_agent.gateway.engine_room import RoomState
from web4_agent.records import alerts
from web4_agent.storage.database import Database


class Room:
    def __init__(self, database: Database) -> None:
        self.at = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)
        self.state = RoomState(AdapterVersion("a-1"))
        self.database = database
        self.deaths = EngineDeaths(database, lambda: self.at, self.state)
        self.deaths.look()

    def dies(self, *, after_minutes: float) -> bool:
        self.at += timedelta(minutes=after_minutes)
        self.state.deaths += 1
        return self.deaths.look()

    def facts(self) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            return [(row.alert.facts["deaths"], row.alert.facts["trouble"]) for row in alerts.unaddressed(connection)]


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database)


def test_three_deaths_in_ten_minutes_are_told_once(room: Room) -> None:
    assert [room.dies(after_minutes=1) for _ in range(5)] == [False, False, True, False, False]
    assert room.facts() == [("3", "it was started again each time")]


def test_a_death_now_and_then_is_not_told(room: Room) -> None:
    assert not any(room.dies(after_minutes=6) for _ in range(20))


def test_an_engine_that_does_not_come_up_is_told_after_five_minutes(room: Room) -> None:
    room.state.trouble = "its file is missing"
    looks = []
    for _ in range(7):
        looks.append(room.deaths.look())
        room.at += timedelta(minutes=1)
    assert looks == [False, False, False, False, False, True, False]
    room.state.trouble = ""
    assert not room.deaths.look()
    assert room.facts() == [("0", "its file is missing")]
