"""Personal data in text, by narrow patterns: e-mail addresses, telephone numbers, IBANs and payment cards.

Called by the screening of documents. Narrow on purpose: a version number, a date or a hash must not be taken for a
person. Names of people are not looked for.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_EMAIL = re.compile(
    r"(?<![\w.%+@/:-])(?P<it>(?P<local>[A-Za-z0-9._%+-]{1,64}+)@"
    r"(?P<host>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}))(?![\w@-]|\.\w|:[\w/~])"
)
_PHONE = re.compile(
    r"(?<![\w+./-])(?P<it>\+\d{1,3}[ /-]?(?:\(\d{1,5}\)[ /-]?)?\d{1,5}(?:[ /-]?\d{2,5}){1,5})(?![\w.]?\d)(?!\w)"
)
_LABELLED_PHONE = re.compile(
    r"\b(?:tel|telefon|telephone|phone|mobile|mobil|handy|fax)\.?(?:\s?(?:no|number|nr)\.?)?\s?:?\**\s{0,3}"
    r"(?P<it>\(?0\d{1,5}\)?[ /.-]{0,3}\d{2,9}(?:[ -]?\d{2,6}){0,4})(?!\w|\.\d)",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![\w/+=-])(?P<it>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)(?![\w/+=-])")
_CARD = re.compile(r"(?<![\w.-])(?P<it>[3-6]\d{3}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4})(?![\w-]|\.\d)")

_NOBODY = frozenset(
    {"noreply", "no-reply", "donotreply", "do-not-reply", "git", "user", "username", "you", "your", "name", "someone"}
    | {"foo", "test", "example", "me", "root", "admin", "postmaster", "mailer-daemon", "bot", "actions"}
)
_NO_HOSTS: re.Pattern[str] = re.compile(
    r"(?:^|\.)(?:[\w-]+\.(?:example|test|invalid|local|localhost|internal|lan|home)"
    r"|noreply\.[\w.-]+|domain\.(?:com|tld)|email\.com|company\.com|host\.(?:com|tld))$",
    re.IGNORECASE,
)
_PLACEHOLDER_HOST = re.compile(r"(?:^|\.)example\.(?:com|org|net|de)$")
_NOBODYS_NAME = re.compile(r"(?:john|jane|max|erika|first|last|your|user|some)(?:name)?[._-]\w+|[a-z0-9]+")
"""At a placeholder's host, only what reads like a real first and last name counts as a person's."""

_FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "js", "ts", "mjs", "md", "json", "css", "html", "tgz", "py"}
)


@dataclass(frozen=True, slots=True)
class PersonalHit:
    """A stretch of text, from `start` to `end`, and what it is: `e-mail`, `phone number`, `IBAN` or `card number`."""

    what: str
    start: int
    end: int


def find_personal(text: str) -> tuple[PersonalHit, ...]:
    """Stretches of personal data in order; they do not overlap."""
    hits: list[PersonalHit] = []
    for hit in sorted(_all(text), key=lambda hit: (hit.start, -hit.end)):
        if not hits or hit.start >= hits[-1].end:
            hits.append(hit)
    return tuple(hits)


def redact(text: str, hits: tuple[PersonalHit, ...]) -> str:
    """The text with every stretch replaced by its name: `[e-mail removed]`."""
    parts: list[str] = []
    start = 0
    for hit in hits:
        parts += [text[start : hit.start], f"[{hit.what} removed]"]
        start = hit.end
    return "".join([*parts, text[start:]])


def _all(text: str) -> Iterator[PersonalHit]:
    for what, pattern, holds in _KINDS:
        for match in pattern.finditer(text):
            if holds(match):
                yield PersonalHit(what, match.start("it"), match.end("it"))


def _is_person(match: re.Match[str]) -> bool:
    """Not a role's address, a placeholder's, a machine's, or a file name with an at sign (`icon@2x.png`)."""
    local, host = match["local"].lower(), match["host"].lower()
    ending = host.rsplit(".", 1)[-1]
    plain = local.split("+", 1)[0]
    if plain in _NOBODY or ending in _FILE_ENDINGS:
        return False
    if _PLACEHOLDER_HOST.search(host):
        return _NOBODYS_NAME.fullmatch(plain) is None
    return _NO_HOSTS.search(host) is None


def _is_phone(match: re.Match[str]) -> bool:
    """8 to 15 digits (E.164). Without any separator at a line's start it is an added number of a diff."""
    number: str = match["it"]
    digits = sum(character.isdigit() for character in number)
    at_line_start: bool = match.start() == 0 or match.string[match.start() - 1] == "\n"
    return 8 <= digits <= 15 and not (at_line_start and digits == len(number) - 1)


def _is_labelled_phone(match: re.Match[str]) -> bool:
    number: str = match["it"]
    return 7 <= sum(character.isdigit() for character in number) <= 15


def _is_iban(match: re.Match[str]) -> bool:
    """ISO 13616: 15 to 34 characters, and the rearranged number leaves 1 when divided by 97."""
    number = match["it"].replace(" ", "")
    if not 15 <= len(number) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def _is_card(match: re.Match[str]) -> bool:
    """Four groups of four digits with a valid check digit (Luhn). Ungrouped ones are ids more often than cards."""
    digits = [int(character) for character in match["it"] if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    ("e-mail", _EMAIL, _is_person),
    ("phone number", _PHONE, _is_phone),
    ("phone number", _LABELLED_PHONE, _is_labelled_phone),
    ("IBAN", _IBAN, _is_iban),
    ("card number", _CARD, _is_card),
)
