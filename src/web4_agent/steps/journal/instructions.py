"""Text that speaks to a model rather than to a reader: "ignore previous", role tags, tool calls, hidden characters.

Called by the screening of documents. A finding is no verdict: the document waits for a person. The journal is written
by and about agents, so the rules are narrow; "You are a Background Agent" is everyday text there.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

HITS_CAP = 50

_WORDS = r"(?:[\w'’]{1,30}+\W{1,3}+)"
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "ignore-previous",
        re.compile(
            rf"\b(?:ignore|disregard|forget|override|bypass)\W{{1,3}}{_WORDS}{{0,3}}?"
            r"(?:previous|prior|above|earlier|preceding|foregoing|your|system|existing|initial|original)\W{1,3}"
            rf"{_WORDS}{{0,3}}?(?:instructions?|prompts?|directives?|guidelines|guardrails|programming|training)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "ignore-previous",
        re.compile(
            rf"\b(?:ignoriere|vergiss|missachte)\W{{1,3}}{_WORDS}{{0,3}}?(?:anweisung|vorgabe|instruktion|regel)(?:en|n)?\b",
            re.IGNORECASE,
        ),
    ),
    (
        "role-tag",
        re.compile(
            r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>"
            r"|^[ \t]{0,8}</?(?:system|assistant|human)>"
            r"|^[ \t]{0,3}(?:#{2,4} ?)(?:system|assistant|human|instruction)s?:[ \t]*$"
            r"|^[ \t]{0,3}(?:human|assistant|system):[ \t]",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        "tool-call",
        re.compile(
            r"</?(?:tool_call|tool_use|tool_response|function_call|function_calls|invoke)\b[^<>\n]{0,80}>"
            r"|\"(?:tool_calls|function_call)\"\s{0,9}:"
            r"|\"(?:name|tool|function)\"\s{0,9}:\s{0,9}\"[\w.-]{1,60}+\"\s{0,9},\s{0,9}\"(?:arguments|parameters|input)\"\s{0,9}:",
            re.IGNORECASE,
        ),
    ),
    (
        "speaks-to-model",
        re.compile(
            r"\byou are now (?:in |an? |the )?(?:dan\b|unrestricted|jailbroken|developer mode|free|different|no longer)"
            r"|\b(?:reveal|print|repeat|show|output) (?:me )?(?:your|the) (?:system|hidden|initial) prompt"
            r"|\b(?:do not|don't|never) (?:tell|inform|mention (?:this|it) to|reveal (?:this|it) to)"
            r" the user\b(?! (?:interface|stor|guide|manual|model))"
            r"|\b(?:any|future|the|all) (?:ai|llm|language) models? (?:trained|reading|that reads?|must|should|will)\b"
            r"|\bwhen(?:ever)? you (?:are asked|see|read) .{1,80}?, ?(?:always |you must )?(?:answer|reply|respond)\b",
            re.IGNORECASE,
        ),
    ),
)
_HIDDEN = re.compile("[\u200b\u2060-\u2064\ufeff\u180e\U000e0000-\U000e01ef]")
_JOINER = re.compile("[\u0000-\u02ff][\u200c\u200d]|^[\u200c\u200d]", re.MULTILINE)
"""A joiner after a Latin character; after an emoji or in Persian it is part of the writing."""

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{40,}+={0,2}")
_OPAQUE_CHARS = 200
"""A run this long is data that no reader can judge; the real journal's longest is 172."""


@dataclass(frozen=True, slots=True)
class InstructionHit:
    """`line` counts from 1; `start` is what the finding begins with, at most four characters."""

    rule: str
    line: int
    start: str


def find_instructions(text: str) -> tuple[InstructionHit, ...]:
    """What looks like an address to a model, by line, at most `HITS_CAP`."""
    hits = list(islice(chain(_hidden(text), _spoken(text), _encoded(text)), HITS_CAP))
    return tuple(sorted(hits, key=lambda hit: hit.line))


def _hidden(text: str) -> Iterator[InstructionHit]:
    """Characters that a reader does not see and a model does."""
    for rule, pattern in (("zero-width", _HIDDEN), ("zero-width", _JOINER), ("bidirectional", _BIDI)):
        for match in pattern.finditer(text):
            yield InstructionHit(rule, _line(text, match), f"{ord(match[0][-1]):X}"[:4])


def _spoken(text: str) -> Iterator[InstructionHit]:
    """Phrases and tags, also where they are spaced out with hidden characters or written in look-alike forms."""
    plain = text
    if not text.isascii():
        plain = unicodedata.normalize("NFKC", _BIDI.sub("", _HIDDEN.sub("", text)))
    for rule, pattern in _RULES:
        for match in pattern.finditer(plain):
            yield InstructionHit(rule, _line(plain, match), match[0].strip()[:4])


def _encoded(text: str) -> Iterator[InstructionHit]:
    """Base64: long runs, and shorter ones that hide a phrase or a tag."""
    for match in _BASE64.finditer(text):
        run = match[0]
        if not _looks_random(run):
            continue
        if len(run) >= _OPAQUE_CHARS:
            yield InstructionHit("long-base64", _line(text, match), run[:4])
        elif any(pattern.search(_decoded(run)) for _, pattern in _RULES):
            yield InstructionHit("encoded-instruction", _line(text, match), run[:4])


def _looks_random(run: str) -> bool:
    """Capitals, small letters and digits, and hardly a stroke or dash: no path, no rule, no hash in hexadecimal."""
    marks = sum(run.count(mark) for mark in "/-_+")
    kinds = (any(map(str.isupper, run)), any(map(str.islower, run)), any(map(str.isdigit, run)))
    return all(kinds) and marks <= len(run) // 10


def _decoded(run: str) -> str:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body[: len(body) // 4 * 4]).decode("utf-8", "ignore")
    except binascii.Error:  # a length that no encoder leaves
        return ""


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1
