"""Tool calls are carried out in their folder and nowhere else; what would leave it is refused."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.steps.harnesses.answering import complaint
from web4_agent.steps.harnesses.sandbox import MAX_FILE_BYTES, Refused, Sandbox
from web4_agent.steps.tool_packs import Call

FILES = {"README.md": "# Tides\nRun it.\n", "src/app.ts": "const PORT = 8080;\nstart(PORT);\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("outside")
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


@pytest.fixture
def sandbox(root: Path) -> Sandbox:
    made = Sandbox(root)
    made.fill(FILES)
    return made


def run(sandbox: Sandbox, tool: str, arguments: Mapping[str, object], commands: tuple[str, ...] = ()) -> str:
    return sandbox.run(Call(tool, arguments), commands)


@pytest.mark.parametrize(
    ("tool", "arguments", "output"),
    [
        ("read_file", {"filepath": "./README.md"}, "# Tides\nRun it.\n"),
        ("read_file", {"path": "src/app.ts"}, "const PORT = 8080;\nstart(PORT);\n"),
        ("read_file_range", {"filepath": "src/app.ts", "startLine": 2, "endLine": 2}, "start(PORT);"),
        ("ls", {"dirPath": ".", "recursive": False}, "README.md\nsrc"),
        ("ls", {"dirPath": "src", "recursive": True}, "src/app.ts"),
        ("list_files", {"path": "src"}, "app.ts"),
        ("file_glob_search", {"pattern": "**/*.md"}, "README.md"),
        ("file_glob_search", {"pattern": "src/*.ts"}, "src/app.ts"),
        ("grep_search", {"query": "PORT"}, "src/app.ts:const PORT = 8080;\nsrc/app.ts:start(PORT);"),
        ("search_files", {"path": ".", "regex": "st.rt", "file_pattern": "*.md"}, ""),
        ("run_terminal_command", {"command": "npm  test"}, "would run npm  test"),
    ],
)
def test_what_a_tool_comes_back_with(sandbox: Sandbox, tool: str, arguments: dict[str, object], output: str) -> None:
    assert run(sandbox, tool, arguments, ("npm test",)) == output


def test_files_are_written_and_changed(sandbox: Sandbox) -> None:
    run(sandbox, "create_new_file", {"filepath": "docs/new.md", "contents": "new"})
    run(sandbox, "write_to_file", {"path": "README.md", "content": "over"})
    run(sandbox, "single_find_and_replace", {"filepath": "src/app.ts", "old_string": "8080", "new_string": "7420"})
    diff = "------- SEARCH\nstart(PORT);\n=======\nstop(PORT);\nend();\n+++++++ REPLACE"
    run(sandbox, "replace_in_file", {"path": "src/app.ts", "diff": diff})
    assert sandbox.read("docs/new.md") == "new"
    assert sandbox.read("README.md") == "over"
    assert sandbox.read("src/app.ts") == "const PORT = 7420;\nstop(PORT);\nend();\n"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("create_new_file", {"filepath": "README.md", "contents": "x"}, "exists already"),
        ("single_find_and_replace", {"filepath": "src/app.ts", "old_string": "PORT", "new_string": "x"}, "2 times"),
        ("single_find_and_replace", {"filepath": "src/app.ts", "old_string": "none", "new_string": "x"}, "0 times"),
        ("replace_in_file", {"path": "README.md", "diff": "--- SEARCH\n"}, "no SEARCH"),
        ("read_file", {"filepath": "none.md"}, "can't be read"),
        ("read_file", {"filepath": "src"}, "can't be read"),
        ("read_file_range", {"filepath": "README.md", "startLine": 3, "endLine": 1}, "no lines"),
        ("ls", {"dirPath": "none", "recursive": False}, "no folder"),
        ("grep_search", {"query": "(a+)+$"}, "too intricate"),
        ("grep_search", {"query": "a?a?a?aaa"}, "too intricate"),
        ("grep_search", {"query": "(a|a)(a|a)(a|a)(a|a)(a|a)"}, "too intricate"),
        ("grep_search", {"query": "("}, "no pattern"),
        ("run_terminal_command", {"command": "npm test; rm -rf /"}, "not one of"),
        ("run_terminal_command", {"command": "npm test\nrm -rf /"}, "not one of"),
        ("run_terminal_command", {"command": "npm\ntest"}, "not one of"),
        ("create_new_file", {"filepath": "big", "contents": "x" * (MAX_FILE_BYTES + 1)}, "more than"),
    ],
)
def test_what_can_not_be_done_is_refused(sandbox: Sandbox, tool: str, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        run(sandbox, tool, arguments, ("npm test",))


OUTSIDE = ["../secret.txt", "/etc/hostname", "src/../../secret.txt", "~/x", "link.txt", "folder/secret.txt", "loop",
           "a\x00b", "..\\secret.txt", "\ud800", "x" * 5_000]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_out_of_the_folder(root: Path, sandbox: Sandbox, path: str) -> None:
    (root / "link.txt").symlink_to("../secret.txt")
    (root / "folder").symlink_to("..")
    (root / "loop").symlink_to("loop")
    for tool, arguments in (
        ("read_file", {"filepath": path}),
        ("write_to_file", {"path": path, "content": "taken"}),
        ("create_new_file", {"filepath": path, "contents": "taken"}),
        ("single_find_and_replace", {"filepath": path, "old_string": "outside", "new_string": "taken"}),
        ("list_files", {"path": path}),
        ("search_files", {"path": path, "regex": "outside"}),
    ):
        with pytest.raises(Refused):
            run(sandbox, tool, arguments)
    assert (root.parent / "secret.txt").read_text() == "outside"


def test_searches_and_lists_pass_links_by(root: Path, sandbox: Sandbox) -> None:
    (root / "link.txt").symlink_to("../secret.txt")
    assert run(sandbox, "grep_search", {"query": "outside"}) == ""
    assert "link.txt" not in run(sandbox, "file_glob_search", {"pattern": "*"})


def test_a_pipe_in_the_folder_keeps_nobody_waiting(root: Path, sandbox: Sandbox) -> None:
    os.mkfifo(root / "pipe")
    assert run(sandbox, "read_file", {"filepath": "pipe"}) == ""


def test_no_command_is_ever_run(root: Path, sandbox: Sandbox) -> None:
    run(sandbox, "execute_command", {"command": "touch here", "requires_approval": False}, ("touch here",))
    assert not (root / "here").exists()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"name": "read_file", "arguments": {"filepath": "README.md"}}', None),
        ('[{"name": "read_file", "arguments": {"filepath": "README.md"}}]', None),
        ('<tool_call>\n{"name": "read_file", "arguments": {"filepath": "README.md"}}\n</tool_call>', None),
        (
            '{"type": "function", "function": {"name": "read_file", "arguments": "{\\"filepath\\": \\"README.md\\"}"}}',
            None,
        ),
        (
            '{"name": "read_file", "arguments": {"filepath": "README.md"}} {"name": "view_diff", "arguments": {}}',
            "2 calls",
        ),
        ('{"name": "read_file", "arguments": {"filepath": "README.md", "why": "x"}}', "schema refuses"),
        ('{"name": "read_file", "arguments": {"filepath": 3}}', "schema refuses"),
        ('{"name": "read_file", "arguments": {"filepath": "src/app.ts"}}', "another filepath"),
        ('{"name": "cat", "arguments": {}}', "no tool cat"),
        ('{"name": "view_diff", "arguments": {}}', "calls view_diff, not read_file"),
        ('{"name": "read_file", "arguments": {"filepath": "README.md"}', "0 calls"),
        ("I would read the file README.md.", "0 calls"),
    ],
)
def test_a_call_is_judged_by_form_and_effect(answer: str, said: str | None) -> None:
    found = complaint("tools", "read-readme", answer)
    assert found is None if said is None else said in (found or "")
