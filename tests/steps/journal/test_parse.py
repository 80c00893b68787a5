"""One file into a Document, or the reason why not."""

import hashlib
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.steps.journal.pages import MODIFIED_UTC, PAGE, parsed, read_any, sections_page
from web4_agent.domain.documents import Document, LinkKind, Rejection, RejectionReason, SectionKind
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.parse import document_id, parse_document, read_document, with_text


def test_a_page_of_the_house_gives_its_title_header_and_day() -> None:
    document = parsed(PAGE)
    header = document.header
    assert (document.title, document.slug) == ("Kernel Testing - Server Lifecycle", "kernel-testing")
    assert (document.day, document.day_source) == (date(2025, 9, 2), "file name")
    assert header.date_utc == datetime(2025, 9, 2, 20, 23, tzinfo=UTC)
    assert header.agent == "Background Agent → Testing Specialist"
    assert header.role == "DevOps → Kernel Testing"
    assert (header.objective, header.task) == ("Test the server's lifecycle", "Lifecycle Testing")
    assert header.previous_commit == "dbea3e77 - Sprint 20 analysis"
    assert header.session == "2025-09-02-UTC-1913-session → Testing"
    assert (header.template_version, header.sprint) == ("3.1.4.2", "Sprint-20 → Foundation")
    assert document.warnings == ()


def test_sections_are_told_by_their_words_and_fenced_headings_are_none() -> None:
    document = parsed(PAGE)
    assert [(section.kind, section.path) for section in document.sections] == [
        (SectionKind.META, ()),
        (SectionKind.SUMMARY, ("SUMMARY",)),
        (SectionKind.LINKS, ("SUMMARY", "Artifact Links")),
        (SectionKind.DECISIONS, ("SUMMARY", "QA Decisions")),
        (SectionKind.TRON, ("SUMMARY", "TRON Feedback (2025-09-02-UTC-2023)")),
        (SectionKind.TRON, ("SUMMARY", "My Answer")),
        (SectionKind.PLAN, ("PLAN",)),
        (SectionKind.PLAN, ("PLAN", "Strategy")),
        (SectionKind.DO, ("DO",)),
        (SectionKind.CHECK, ("CHECK",)),
        (SectionKind.ACT, ("ACT",)),
        (SectionKind.PROCESS, ("PDCA PROCESS UPDATE",)),
    ]
    assert document.of_kind(SectionKind.TRON)[1].text.endswith("process hygiene."), "the rule below is no text"
    assert "# Check the server" in document.of_kind(SectionKind.DO)[0].text


def test_links_are_dual_or_single_and_the_header_names_the_page_before() -> None:
    document = parsed(PAGE)
    assert [(link.kind, link.target, link.dual) for link in document.links] == [
        (LinkKind.PREVIOUS, "2025-09-02-UTC-1943-analysis.pdca.md", True),
        (LinkKind.REFERENCE, "once", True),
    ]
    assert document.links[0].url == "../2025-09-02-UTC-1943-analysis.pdca.md"


def test_the_hash_is_of_the_raw_bytes_and_the_text_is_normalised() -> None:
    raw = b"\xef\xbb\xbf" + sections_page().replace("\n", "\r\n").encode()
    document = parsed(raw)
    assert document.content_hash == hashlib.sha256(raw).hexdigest()
    assert document.text == sections_page()
    assert parsed(document.text.encode()).text == document.text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", RejectionReason.EMPTY),
        (b"\xef\xbb\xbf \r\n\t\n", RejectionReason.EMPTY),
        (sections_page().encode("utf-16"), RejectionReason.NOT_UTF8),
        (sections_page().encode("utf-16-be"), RejectionReason.BINARY),
        (sections_page("größer für Öl " * 20).encode("latin-1"), RejectionReason.NOT_UTF8),
        (b"## Plan\n\x00", RejectionReason.BINARY),
        (b"## Plan\n" + b"\x1b\x07" * 40, RejectionReason.BINARY),
        (b"# Notes\n\nJust words.\n", RejectionReason.NO_STRUCTURE),
        (b"```\n## Plan\n```\n", RejectionReason.NO_STRUCTURE),
    ],
)
def test_what_is_no_document_is_rejected_by_name(data: bytes, reason: RejectionReason) -> None:
    read = read_any(data)
    assert isinstance(read, Rejection)
    assert read.reason is reason


def test_a_few_bad_bytes_are_replaced_and_reported() -> None:
    document = parsed(sections_page("caf\xe9").encode("latin-1"))
    assert document.of_kind(SectionKind.DO)[0].text == "caf�"
    assert document.warnings == ("1 bytes that are no UTF-8 were replaced",)


def test_a_replacement_character_of_the_writer_is_no_bad_byte() -> None:
    assert parsed(sections_page("odd � char")).warnings == ()


def test_missing_and_misplaced_sections_are_warned_of() -> None:
    assert parsed("## Do\nx\n\n## Plan\ny\n").warnings == (
        "no section Check",
        "no section Act",
        "Plan, Do, Check and Act are not in this order",
    )


@pytest.mark.parametrize(
    ("name", "text", "day", "source"),
    [
        ("2025-09-01-UTC-0000-x.pdca.md", "Date: 2025-09-04\n", date(2025, 9, 1), "file name"),
        ("2025-09-02/x.pdca.md", "Date: 2025-09-04\n", date(2025, 9, 2), "folder"),
        ("notes/x.pdca.md", "Date: 2025-09-04\n", date(2025, 9, 4), "header"),
        ("notes/x.pdca.md", "", MODIFIED_UTC.date(), "file time"),
    ],
)
def test_the_day_is_that_of_the_name_else_folder_else_header_else_file(
    name: str, text: str, day: date, source: str
) -> None:
    document = parsed(f"# T\n{text}{sections_page(title='')}", name)
    assert (document.day, document.day_source) == (day, source)


def test_a_header_date_that_differs_is_warned_of() -> None:
    document = parsed("# T\nDate: 2025-08-24\n" + sections_page(title=""))
    assert document.warnings == ("the header's date 2025-08-24 differs from that of the file name",)


@pytest.mark.parametrize(
    "heading",
    [
        "## Plan",
        "# PLAN",
        "## **📋 PLAN**",
        "## 2. Plan —",
        "###  plan :",
        "##Plan",
        "## Plan ##",
        "## __Plan__",
        "## Phase 1: Plan",
        "## 🎯 **P: Plan**",
        "## Plan (what we want)",
        "## (1) Plan",
        "Plan\n----",
        "PLAN\n====",
        "> # no\n## Plan",
    ],
)
def test_a_section_is_known_whatever_its_heading_wears(heading: str) -> None:
    document = parsed(f"# Title\n\n{heading}\n\nthe plan\n")
    assert [section.text for section in document.of_kind(SectionKind.PLAN)] == ["the plan"]


@pytest.mark.parametrize(
    "heading", ["## Planning the plane", "## Verification Plan", "## Do not do this", "#plan", "## Action"]
)
def test_words_that_only_begin_like_a_section_are_none(heading: str) -> None:
    document = parsed(f"# T\n\n## Check\n\n{heading}\nx\n")
    assert {section.kind for section in document.sections} <= {SectionKind.META, SectionKind.CHECK, SectionKind.OTHER}


def test_bold_lines_count_as_headings_only_where_there_are_no_others() -> None:
    bold = "Title words\n\n**📋 PLAN:**\n\nfirst\n\n**Do**\n\nsecond\n"
    assert [(section.kind, section.text) for section in parsed(bold).sections] == [
        (SectionKind.META, "Title words"),
        (SectionKind.PLAN, "first"),
        (SectionKind.DO, "second"),
    ]
    assert len(parsed(sections_page("**Check**\nx")).of_kind(SectionKind.CHECK)) == 1


def test_a_fence_named_markdown_holds_fences_and_an_unclosed_one_hides_nothing() -> None:
    nested = sections_page("```markdown\n## Act\n```quote\nx\n```\n## Plan\n```\nafter")
    assert len(parsed(nested).of_kind(SectionKind.PLAN)) == 1
    document = parsed(sections_page("```bash\nforgotten"))
    assert [section.kind for section in document.sections[1:]] == [
        SectionKind.PLAN,
        SectionKind.DO,
        SectionKind.CHECK,
        SectionKind.ACT,
    ]
    assert document.warnings == ("the fence opened in line 7 is not closed",)


def test_tildes_fence_too_and_back_ticks_do_not_close_them() -> None:
    document = parsed(sections_page("~~~\n```\n## Act\n~~~\ndone"))
    assert len(document.of_kind(SectionKind.ACT)) == 1


def test_with_text_reads_every_part_anew_and_keeps_identity_and_day() -> None:
    document = parsed(PAGE)
    changed = with_text(
        document, document.text.replace("Background Agent", "[removed]").replace("2025-09-02-UTC-2023", "x")
    )
    assert changed.header.agent == "[removed] → Testing Specialist"
    assert (changed.id, changed.content_hash, changed.day) == (document.id, document.content_hash, document.day)
    assert changed.header.date_utc == document.header.date_utc


def test_a_file_is_read_from_its_place(tmp_path: Path) -> None:
    path = tmp_path / "2025-09-02" / "x.pdca.md"
    path.parent.mkdir()
    path.write_text(sections_page())
    read = read_document(tmp_path, path)
    assert isinstance(read, Document)
    assert (read.id, read.title, read.day_source) == ("2025-09-02/x.pdca.md", "A page", "folder")


def test_a_relative_root_gives_the_same_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "j" / "d").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert document_id(Path("j"), tmp_path / "j" / "d" / "x.pdca.md") == "d/x.pdca.md"
    assert document_id(tmp_path / "j", Path("j") / "d" / "x.pdca.md") == "d/x.pdca.md"


def test_a_file_over_the_limit_is_too_large_and_never_read(tmp_path: Path) -> None:
    path = tmp_path / "big.pdca.md"
    with path.open("wb") as stream:
        stream.truncate(50_000_000)
    read = read_document(tmp_path, path)
    assert isinstance(read, Rejection)
    assert (read.reason, read.detail) == (RejectionReason.TOO_LARGE, "over 2000000 bytes")
    path.write_text(sections_page())
    assert isinstance(read_document(tmp_path, path, max_bytes=len(sections_page())), Document)
    assert isinstance(read_document(tmp_path, path, max_bytes=len(sections_page()) - 1), Rejection)


class ChangingStream:
    """A file to whose end somebody writes while it is read."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream, self.path = stream, path

    def __enter__(self) -> "ChangingStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def fileno(self) -> int:
        return self.stream.fileno()

    def read(self, limit: int) -> bytes:
        data = self.stream.read(limit)
        with self.path.open("a") as more:
            more.write("late words")
        return data


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pdca.md"
    path.write_text(sections_page())
    assert isinstance(read_document(tmp_path, path), Document)
    real_fdopen = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda descriptor, _mode: ChangingStream(real_fdopen(descriptor, "rb"), path))
    read = read_document(tmp_path, path)
    assert isinstance(read, Rejection)
    assert read.reason is RejectionReason.CHANGED_WHILE_READ


def test_folders_pipes_missing_files_and_links_out_are_rejected(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "out.pdca.md").write_text(sections_page())
    (root / "folder.pdca.md").mkdir()
    os.mkfifo(root / "pipe.pdca.md")
    (root / "link.pdca.md").symlink_to(tmp_path / "out.pdca.md")
    reasons = {}
    for name in ("folder.pdca.md", "pipe.pdca.md", "missing.pdca.md", "link.pdca.md", "nul\0.pdca.md"):
        read = read_document(root, root / name)
        assert isinstance(read, Rejection)
        reasons[name] = read.reason
    assert reasons.pop("link.pdca.md") is RejectionReason.OUTSIDE_ROOT
    assert set(reasons.values()) == {RejectionReason.UNREADABLE}


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400), name=st.text(max_size=40))
def test_any_bytes_give_a_document_or_a_reason(data: bytes, name: str) -> None:
    read = parse_document(DocumentId(name), data, modified_utc=MODIFIED_UTC)
    assert isinstance(read, Document | Rejection)


_PIECES = st.sampled_from(
    [
        "# ",
        "## ",
        "**",
        "📋 ",
        "Plan",
        "Do",
        "Check",
        "Act",
        "```",
        "```quote",
        "~~~",
        "\n",
        "\n\n",
        "---\n",
        "[a](b)",
        "| ",
        "Trigger:",
        "**Response:** ",
        "Date: ",
        "2025-99-01",
        ": ",
        "> ",
        "- ",
        "\t",
        "{",
        "&a ",
        "*a",
        "![CMM3](",
        "…",
        "\u200b",
    ]
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(_PIECES, max_size=60))
def test_any_mixture_of_marks_keeps_every_word_below_the_front_matter(pieces: list[str]) -> None:
    text = "## Plan\nx\n" + "".join(pieces)
    document = parsed(text)
    kept = "".join(section.heading + section.text for section in document.sections)
    for word in ("Trigger", "Response", "Date", "2025-99-01"):
        assert kept.count(word) >= sum(word in piece for piece in pieces)


_HEADINGS = st.lists(
    st.tuples(
        st.sampled_from(["Plan", "Do", "Check", "Act", "Summary", "Notes", "My Answer"]),
        st.integers(1, 6),
        st.sampled_from(["{}", "**{}**", "📋 {}", "2. {}", "{}:", "**🎯 {}** "]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(made=_HEADINGS)
def test_any_structure_of_headings_is_read_back(made: list[tuple[str, int, str]]) -> None:
    lines = ["# The title", ""]
    for at, (word, level, form) in enumerate(made):
        lines += ["#" * level + " " + form.format(word), f"body{at}"]
    if not any(word in {"Plan", "Do", "Check", "Act"} for word, _, _ in made):
        lines += ["## Plan", "body"]
    document = parsed("\n".join(lines))
    read = document.sections[1 : len(made) + 1]
    assert [(section.heading, section.level, section.text) for section in read] == [
        (word, level, f"body{at}") for at, (word, level, _) in enumerate(made)
    ]
    for section in read:
        assert section.path[-1] == section.heading
        assert len(section.path) <= section.level
