"""Cutting files: by headings and definitions, within the embedder's limit, nothing lost."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.domain.documents import Chunk
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.steps.references import Source, chunk_source

COUNT = ScriptedEmbedder().token_counts
SERVICE = '''"""Fees."""

import math

RATE = 3


# what a berth costs
@cached
def berth_fee(length):
    base = RATE * length

    return math.ceil(base)


class Harbour:
    """Where ships lie."""

    def moor(self, ship):
        self.ships.append(ship)

    def leave(self, ship):
        self.ships.remove(ship)
'''


def cut(text: str, path: str = "src/fees.py", most: int = 40) -> tuple[Chunk, ...]:
    source = Source(DocumentId(f"components:{path}"), "components", ContentHash("0" * 64), path, text)
    return chunk_source(source, COUNT, most)


def test_source_is_cut_at_definitions_under_its_path() -> None:
    found = cut(SERVICE)
    fee = next(one for one in found if "berth_fee" in one.path[-1])
    assert fee.text.startswith("src/fees.py\n")
    assert all(words in fee.text for words in ("# what a berth costs", "@cached", "return math.ceil(base)"))
    assert any(one.path[1:] == ("Harbour",) or one.path[1:2] == ("Harbour",) for one in found)
    assert not any("def moor" in one.text and "berth_fee" in one.text for one in found)


def test_a_small_file_is_one_chunk() -> None:
    (only,) = cut(SERVICE, most=256)
    assert "RATE = 3" in only.text
    assert "def leave" in only.text


def test_markdown_is_cut_at_headings_and_a_fence_is_not_mistaken_for_one() -> None:
    words = "word " * 20
    text = f"# Releases\n\n{words}\n\n## Freeze\n\n{words}\n```sh\n# no heading\nmake\n```\n\n## Rollback\n\n{words}\n"
    found = cut(text, "docs/releases.md")
    paths = {one.path[1:] for one in found}
    assert {("Releases", "Freeze"), ("Releases", "Rollback")} <= paths
    assert any("# no heading" in one.text and one.path[-1] == "Freeze" for one in found)


def test_typescript_and_java_definitions_are_seen() -> None:
    body = "  x = 1;\n" * 12
    text = f"export class Ship {{\n{body}}}\n\nexport async function sail() {{\n{body}}}\n"
    assert {one.path[1] for one in cut(text, "a.ts")} >= {"Ship", "sail"}
    java = f"public class Ship {{\n\n  public static List<Ship> all(int n) {{\n{body}  }}\n}}\n"
    assert any(one.path[1:] == ("Ship", "all") for one in cut(java, "Ship.java"))


def test_ids_begin_with_the_collection_and_depend_on_content_alone() -> None:
    first, again = cut(SERVICE), cut(SERVICE)
    assert [one.id for one in first] == [one.id for one in again]
    assert all(re.fullmatch(r"components:[0-9a-f]{40}", one.id) for one in first)
    assert len({one.id for one in first}) == len(first)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab1 \n\t#`{}();=_.-é"), max_size=600), st.sampled_from(["a.md", "a.py"]))
def test_every_word_is_kept_and_no_chunk_is_too_long(text: str, path: str) -> None:
    found = cut(text, path, most=24)
    assert all(tokens <= 24 for tokens in COUNT([one.text for one in found]))
    together = " ".join(" ".join((*one.path, one.text)) for one in found)
    kept = "".join(re.findall(r"\w", together))
    for word in re.findall(r"\w+", text):
        assert word in together or word in kept


def test_one_endless_line_is_cut_in_windows() -> None:
    found = cut("x" * 20_000, "data.json")
    assert max(len(one.text) for one in found) < 600
    assert sum(one.text.count("x") for one in found) >= 20_000
