"""Homes to kill processes in: made once, copied for each kill, on SQLite or on a PostgreSQL that the tests start."""

import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from tests.kills.jobs import Job
from tests.kills.nursery import Nursery


@dataclass
class Homes:
    """`server` is the URL of a PostgreSQL that is the tests' own, or empty for SQLite; `root` a folder of its own."""

    nursery: Nursery
    root: Path
    server: str = ""
    made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.server:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):  # the server is not what is killed
                self._command(f"ALTER SYSTEM SET {name} = off")
            self._command("SELECT pg_reload_conf()")
            warm = self.fresh()
            self.nursery.run(warm.job("warm up"))
            self.drop(warm)

    def fresh(self, like: "Place | None" = None) -> "Place":
        """A new place, empty or a copy of another that no process has open."""
        with self._lock:
            self.made += 1
            name = f"home_{self.made}"
        root = self.root / name
        if like is None:
            root.mkdir(parents=True)
        else:
            shutil.copytree(like.root, root)
        if self.server:
            source = f" TEMPLATE {make_url(like.url).database}" if like else ""
            self._command(f"CREATE DATABASE {name}{source}")
        return Place(root, self._url(name))

    def drop(self, place: "Place") -> None:
        shutil.rmtree(place.root)
        if self.server:
            self._command(f"DROP DATABASE {make_url(place.url).database} WITH (FORCE)")

    def _url(self, name: str) -> str:
        if not self.server:
            return ""
        return make_url(self.server).set(database=name).render_as_string(hide_password=False)

    def _command(self, statement: str) -> None:
        with self._lock:
            engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Place:
    root: Path
    url: str

    def job(self, task: str, flow: str = "", **values: object) -> Job:
        return Job(task, str(self.root), self.url, flow, **values)  # type: ignore[arg-type] # values by name


def lived_in(homes: Homes) -> Place:
    """A home after one promoted night, with three documents more in its buffer."""
    place, run = homes.fresh(), homes.nursery.run
    run(place.job("change", "journal"))
    run(place.job("run", "index"))
    night = run(place.job("run", "night", arguments={"day": "2026-03-02"}, minutes=60))
    assert night.said == "promoted", night.said
    run(place.job("change", "pages", minutes=120))
    run(place.job("run", "index", minutes=180))
    return place
