"""The programs besides `web4-agent` that a page may type: `curl` against the stage's gateway, and a look at the disk.

Called by the stage. What a page calls http://127.0.0.1:8484 is the address that the stage's gateway has.
"""

import subprocess
from collections.abc import Sequence

import httpx

PAGE_ADDRESS = "http://127.0.0.1:8484"
LOOKS = frozenset({"df", "du"})


def run_program(words: Sequence[str], address: str) -> tuple[int, str]:
    """Exit code and output. Raises AssertionError for a program that no page may use."""
    if words[0] == "curl":
        return _curl(words[1:], address)
    assert words[0] in LOOKS, f"no page may type {words[0]}"
    done = subprocess.run(list(words), capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def _curl(words: Sequence[str], address: str) -> tuple[int, str]:
    """`-i` shows status and headers, `-H` and `-d` send a header and a body; 7 where nobody listens, as curl says."""
    waiting = list(words)
    url, headers, body, shows_headers = "", dict[str, str](), "", False
    while waiting:
        word = waiting.pop(0)
        if word == "-i":
            shows_headers = True
        elif word == "-H":
            name, value = waiting.pop(0).split(":", 1)
            headers[name] = value.strip()
        elif word == "-d":
            body = waiting.pop(0)
        else:
            assert word.startswith(PAGE_ADDRESS), f"curl asks {word}"
            url = word.replace(PAGE_ADDRESS, address or "http://127.0.0.1:9")
    try:
        answer = httpx.request(
            "POST" if body else "GET", url, content=body or None, headers=headers, timeout=30, trust_env=False
        )
    except httpx.ConnectError:
        return 7, f"curl: (7) Failed to connect to {url}"
    head = f"HTTP/1.1 {answer.status_code}\n{_lines(answer.headers)}\n\n" if shows_headers else ""
    return 0, head + answer.text


def _lines(headers: httpx.Headers) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())
