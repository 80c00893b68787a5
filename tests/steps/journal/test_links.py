"""Links in text, their resolution by file name, and the breadcrumb graph."""

import pytest

from tests.steps.journal.pages import parsed, sections_page
from web4_agent.domain.documents import Link, LinkKind
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.links import (
    ITSELF,
    NO_DOCUMENT,
    UNKNOWN,
    Edge,
    breadcrumbs,
    known_names,
    resolve_links,
)


def _links(body: str) -> tuple[Link, ...]:
    return parsed(sections_page(body)).links


@pytest.mark.parametrize(
    ("line", "target", "url"),
    [
        ("[a](b/c.md)", "c.md", "b/c.md"),
        ("[a [b] c](c.md)", "c.md", "c.md"),
        ("![a](c%20d.md#part?x)", "c d.md", "c%20d.md#part?x"),
        ("[a](c_(1).md)", "c_(1).md", "c_(1).md"),
        ('[a](c.md "a title")', "c.md", "c.md"),
        ("[a](<c.md>)", "c.md", "c.md"),
        ("[a](../../../etc/passwd)", "passwd", "../../../etc/passwd"),
        ("[a](https://h/o/r/blob/main/c.pdca.md?x=1)", "c.pdca.md", "https://h/o/r/blob/main/c.pdca.md?x=1"),
        ("[a](https://h)", "", "https://h"),
        ("[a](mailto:x@y)", "", "mailto:x@y"),
        ("[a](http://[x)", "", "http://[x"),
        ("[a](..)", "", ".."),
        ("[a](a%00b.md)", "ab.md", "a%00b.md"),
    ],
)
def test_a_link_is_read_as_written_and_looks_for_a_file_name(line: str, target: str, url: str) -> None:
    found = _links(line)
    assert [(link.target, link.url) for link in found] == [(target, url)]


def test_code_fences_and_anchors_hold_no_links() -> None:
    assert _links("`[a](b.md)` and [c](#d)\n```\n[e](f.md)\n```\n") == ()


def test_a_dual_link_is_one_and_two_repository_links_are_two() -> None:
    dual = _links("- [GitHub](https://h/x/c.md) | [§/x/c.md](../c.md)")
    assert [(link.url, link.text, link.dual) for link in dual] == [("../c.md", "§/x/c.md", True)]
    assert [link.dual for link in _links("[a](b.md) | [c](d.md)")] == [False, False]


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("**🔗 Previous PDCA:** {}", LinkKind.PREVIOUS),
        ("- **Previous**: {}", LinkKind.PREVIOUS),
        ("FOLLOWS: {}", LinkKind.PREVIOUS),
        ("**PRECEDES:** {}", LinkKind.NEXT),
        ("- Next PDCA: {}", LinkKind.NEXT),
        ("**Source:** {}", LinkKind.REFERENCE),
    ],
)
def test_header_fields_name_the_page_before_and_after(field: str, kind: LinkKind) -> None:
    page = (
        "# T\n"
        + field.format("[GitHub](https://h/a.pdca.md) | [§/a.pdca.md](a.pdca.md)")
        + "\n"
        + sections_page(title="")
    )
    assert [(link.kind, link.target, link.dual) for link in parsed(page).links] == [(kind, "a.pdca.md", True)]


def test_a_bare_file_name_is_enough_in_such_a_field_and_none_is_none() -> None:
    page = "# T\nPrevious PDCA: some/where/2025-09-01-UTC-0000-a.pdca.md\nNext: N/A - none yet\n" + sections_page(
        title=""
    )
    assert [(link.kind, link.target) for link in parsed(page).links] == [
        (LinkKind.PREVIOUS, "2025-09-01-UTC-0000-a.pdca.md")
    ]


def test_such_a_field_counts_in_links_and_meta_but_not_in_the_text() -> None:
    line = "- **Previous:** [a](a.pdca.md)"
    kinds = [link.kind for link in parsed(f"## Links\n{line}\n" + sections_page(line) + f"\n## Meta\n{line}\n").links]
    assert kinds == [LinkKind.PREVIOUS, LinkKind.REFERENCE, LinkKind.PREVIOUS]


def _resolved(source: str, line: str, *others: str) -> tuple[str | None, str]:
    document = parsed(sections_page(line), source)
    (link,) = resolve_links([document], known_names(DocumentId(name) for name in (source, *others)))
    return link.target, link.reason


def test_a_link_finds_its_document_wherever_it_moved() -> None:
    assert _resolved("2/b.pdca.md", "[a](../../../old/pdca/a.pdca.md)", "1/a.pdca.md") == ("1/a.pdca.md", "")


def test_of_several_the_one_in_the_own_folder_wins_then_the_longest_common_path() -> None:
    assert _resolved("2/b.pdca.md", "[a](x/1/a.pdca.md)", "1/a.pdca.md", "2/a.pdca.md")[0] == "2/a.pdca.md"
    others = ("s/role/1/a.pdca.md", "s/dev/1/a.pdca.md", "a.pdca.md")
    assert _resolved("2/b.pdca.md", "[a](https://h/r/dev/1/a.pdca.md)", *others)[0] == "s/dev/1/a.pdca.md"
    assert _resolved("s/role/2/b.pdca.md", "[a](a.pdca.md)", *others)[0] == "s/role/1/a.pdca.md"


def test_percent_encoding_and_composed_umlauts_are_one_name() -> None:
    decomposed = "1/hu\u0308tte.pdca.md"
    assert _resolved("b.pdca.md", "[a](x/h%C3%BCtte.pdca.md)", decomposed)[0] == decomposed


def test_a_document_renamed_by_ending_or_date_is_found() -> None:
    dated = "x/2025-08-25-UTC-0948-cmm-learning.pdca.md"
    assert _resolved("b.pdca.md", "[a](2025-08-25-UTC-0948-cmm-learning.md)", dated)[0] == dated
    assert _resolved("b.pdca.md", "[a](2025-08-25-UTC-0948-cmm-learning-pdca.md)", dated)[0] == dated
    assert _resolved("b.pdca.md", "[a](pdca-cmm-learning.md)", dated)[0] == dated
    twice = "y/2025-08-26-UTC-0000-cmm-learning.pdca.md"
    assert _resolved("b.pdca.md", "[a](pdca-cmm-learning.md)", dated, twice)[0] is None
    assert _resolved("b.pdca.md", "[a](cmm-learning.md)", dated)[0] is None


def test_what_leads_nowhere_is_kept_with_its_reason() -> None:
    assert _resolved("b.pdca.md", "[a](gone.pdca.md)") == (None, UNKNOWN)
    assert _resolved("b.pdca.md", "[a](src/main.ts)") == (None, NO_DOCUMENT)
    assert _resolved("b.pdca.md", "[a](https://h)") == (None, NO_DOCUMENT)
    assert _resolved("b.pdca.md", "[a](b.pdca.md)") == (None, ITSELF)


def test_previous_and_next_give_the_same_edge_once() -> None:
    first = parsed("# T\nPRECEDES: b.pdca.md\n" + sections_page("[c](c.pdca.md)", title=""), "a.pdca.md")
    second = parsed("# T\nPrevious PDCA: a.pdca.md\n" + sections_page(title=""), "b.pdca.md")
    third = parsed("# T\nFollows: c.pdca.md, gone.pdca.md\n" + sections_page(title=""), "c.pdca.md")
    documents = [first, second, third]
    resolved = resolve_links(documents, known_names(document.id for document in documents))
    assert breadcrumbs(resolved) == (Edge(DocumentId("a.pdca.md"), DocumentId("b.pdca.md")),)
