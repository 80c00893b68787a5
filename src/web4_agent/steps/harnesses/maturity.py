"""The harness of the maturity levels CMM1 to CMM4: definitions by their facets, and which level a description shows.

Called by the catalogue. A definition is right when it says enough of the level's facets, in whatever words, and nothing
that defines another level; what is denied ("no longer chaotic", "not yet measured") is not said.
"""

import re

from web4_agent.steps.harnesses.answers import plainly
from web4_agent.steps.harnesses.harness import Given, Reading
from web4_agent.steps.judging.tables import Table

KEYS = frozenset({"level", "facets", "against"})
_LEVEL = re.compile(r"cmm[ -]?(?:level[ -]?)?([1-5])|\blevel[ -]?([1-5])")
_DENIED = re.compile(
    r"(?:\b(?:not|no|never|nor|neither|without|isn't|aren't|wasn't|don't|doesn't|rather than|instead of|unlike|beyond|"
    r"below|above|before|than|lacks?|lacking|nothing|nobody|yet to be|short of|replaces?|replacing|nicht|kein\w*)\b)"
    r"[^.;:!?]{0,40}$"
)
_LOOK_BACK = 60
_CONTRAST = re.compile(r"\b(?:but|only|sondern|it is|it's|they are|instead,)\b|,")


def read_maturity(table: Table) -> Reading:
    """`level`: the one that must be named, and no other; or `facets` (lists of word beginnings, of which one each must
    be said) with `against` (word beginnings that belong to other levels)."""
    level = table.text("level", "")
    facets = table.rows("facets") if "facets" in table.values else ()
    against = table.texts("against") if "against" in table.values else ()
    if not level and not facets:
        raise table.wrong("level", "or 'facets' must be there")
    if level and not re.fullmatch(r"CMM[1-4]", level):
        raise table.wrong("level", "must be one of CMM1, CMM2, CMM3, CMM4")

    def rule(given: Given) -> str | None:
        text = plainly(given.answer)
        if not facets:
            return _level_complaint(text, level)
        return _definition_complaint(text, level, facets, against)

    return Reading(rule)


def _level_complaint(text: str, level: str) -> str | None:
    named = _levels(text)
    return None if named == {level} else f"names {', '.join(sorted(named)) or 'no level'}, not {level}"


def _definition_complaint(
    text: str, level: str, facets: tuple[tuple[str, ...], ...], against: tuple[str, ...]
) -> str | None:
    lacking = [words[0] for words in facets if not _said(text, words)]
    if lacking:
        return f"does not say: {', '.join(f'{beginning}…' for beginning in lacking)}"
    foreign = [word for word in against if _said(text, (word,))]
    if foreign:
        return f"says what defines another level: {', '.join(foreign)}"
    others = _levels(text) - {level} if level else set()
    return f"names {', '.join(sorted(others))}" if others else None


def _levels(text: str) -> set[str]:
    """The levels that a text claims: those that it denies or compares with are left out."""
    return {f"CMM{match[1] or match[2]}" for match in _LEVEL.finditer(text) if not _is_denied(text, match.start())}


def _said(text: str, words: tuple[str, ...]) -> bool:
    return any(
        not _is_denied(text, match.start())
        for word in words
        for match in re.finditer(rf"(?<!\w){re.escape(word.lower())}", text)
    )


def _is_denied(text: str, at: int) -> bool:
    """A denial reaches to the end of its clause."""
    before = text[max(0, at - _LOOK_BACK) : at]
    clause = _CONTRAST.split(before)[-1]
    return _DENIED.search(clause) is not None
