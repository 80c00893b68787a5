"""Tuning of retrieval on a real journal: what is in force, what is chosen, and the difference on the half to check on.

    python benchmarks/bench_tuning.py [--journal FOLDER] [--queries N] [--sections 128] [--policy FILE] [--limit N]

Documents are put into a temporary ledger as the product cuts and embeds them; then the tuning itself runs, as the
command `tune` calls it, and its tables are printed. The first run embeds the journal (ten minutes on two cores, for
each length of section as long again); later runs take the vectors from a temporary file.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from cached_vectors import cached_minilm
from known_items import read_journal
from shelved import shelved
from web4_agent.backends.lexical.tantivy_words import TantivyWords
from web4_agent.cli.screen import watching
from web4_agent.cli.tune import show_report
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.flows.tuning import TuningParts, TuningRequest, tune

JOURNAL = Path(__file__).parents[2] / "shared" / "journal"


def main() -> None:
    parser = argparse.ArgumentParser(description="Tuning of retrieval on a real journal")
    parser.add_argument("--journal", type=Path, default=JOURNAL)
    parser.add_argument("--queries", type=int, default=5_000, help="known items at most")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--sections", default="", help="other lengths of section, with commas between")
    parser.add_argument("--policy", type=Path, help="a policy's file, to check in place of a search")
    parser.add_argument("--limit", type=int, default=0, help="documents; 0 takes all")
    arguments = parser.parse_args()
    if not arguments.journal.is_dir():
        print(f"skipped: there is no journal at {arguments.journal}; name one with --journal")
        sys.exit(0)
    out, embedder = Console(width=150, highlight=False), cached_minilm()
    lengths = tuple(int(one) for one in arguments.sections.split(",") if one)
    with tempfile.TemporaryDirectory() as folder, watching(out) as watcher:
        database, store = shelved(Path(folder), read_journal(arguments.journal)[: arguments.limit or None], embedder)
        parts = TuningParts(
            database,
            lambda: embedder,
            lambda: store,
            TantivyWords,
            RetrievalPolicy(),
            context_tokens=1200,
            section_tokens=embedder.max_tokens,
            watcher=watcher,
        )
        found = tune(parts, TuningRequest(arguments.queries, arguments.minutes, lengths, arguments.policy))
        database.close()
    show_report(out, found)


if __name__ == "__main__":
    main()
