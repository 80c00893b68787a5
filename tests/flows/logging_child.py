"""Logs queries until it is killed, and says of each when it was added. A child process of test_query_log."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.flows.interactions import asked
from web4_agent.flows.query_log import QueryLog
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.spill import SpillFile


def main(path: Path, attempt: int) -> None:
    log = QueryLog(
        Database(sqlite_url(path), lazy=True),
        lambda: datetime.now(UTC),
        SpillFile(path.with_name("child.jsonl")),
        SpillFile(path.with_name("child-refused.jsonl")),
    )
    log.flush()
    for number in range(100_000):
        row = asked(1_000_000 * attempt + number)
        log.add(row)
        sys.stdout.write(f"{row.response} {time.time()}\n")
        sys.stdout.flush()
        time.sleep(0.001)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
