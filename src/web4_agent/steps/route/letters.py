"""Classes of words as letters, and patterns over them.

Called by the lexer (words to letters) and by whoever compiles patterns (names of classes to letters). A pattern is a
regular expression in which a name in capitals stands for any word of that class or group, and a blank for nothing:
"HOW ANY{0,4} DID TEAM". One letter a word keeps long texts cheap, and no pattern depends on how a word is spelled.
"""

import re
from collections.abc import Mapping
from functools import cache

from web4_agent.steps.route.words import CLASSES

TOKENS = (
    "OTHER",
    "PROPER",
    "SLUG",
    "NUMBER",
    "ORDINAL",
    "ISO",
    "ISO_MONTH",
    "COMPACT",
    "DOTTED",
    "SLASHED",
    "MONTH_NAME",
    "WEEKDAY",
    "DASH",
    "COMMA",
    "END",
    "QUESTION",
    "PATH",
    "KNOWN_FILE",
    "SLASHES",
    "MENTION",
    "CAMEL",
    "PASTLIKE",
    "URL",
    "DOCUMENT",
    "AGENT",
    "SPRINT_NAME",
    "DATE",
    "QUARTER",
)
"""Classes of tokens that no list of words can hold; the lexer and the reader of dates give them."""

LETTERS: Mapping[str, str] = {name: chr(0xE000 + number) for number, name in enumerate((*CLASSES, *TOKENS))}

_GROUPS: Mapping[str, str] = {
    "ASK": "WHAT HOW WHY WHEN WHERE WHO WHAT_TO",
    "STOP": "END QUESTION",
    "THE": "DEFINITE THIS",
    "WORD": "OTHER PROPER SLUG FILLER AGAIN KNOW ANYMORE",
    "WORLD": "TECH NATION",
    "DECISION": "DECIDING REASON",
    "TROUBLE": "EVENT PROBLEM",
    "PASTVERB": "DECIDED CHANGED DONE MADE HAPPENED LEARNED",
    "PAST": "PASTVERB PASTLIKE",
    "ABLE": "MODAL CAN WILL",
    "PAPER": "JOURNAL ENTRY DOCUMENT SESSION",
    "OWN": "DEFINITE TEAM EACH I YOU",
    "PLACE": "PATH KNOWN_FILE MENTION URL SCREEN",
    "SOURCE": "FILE DOCFILE CODEBASE GIT_THING USAGE PLACES",
    "ACT": "SEEK OPEN LOOK RUN GIT INSTALL SEARCH LISTING EDIT USE EARLY CALLS SUBCOMMAND WORD",
    "VERB": (
        "SEEK OPEN LOOK RUN GIT INSTALL SEARCH LISTING EDIT USE EARLY CALLS SUBCOMMAND WRITE TELL DOING DO SHELL"
        " REMEMBER HAPPEN LATE NEXT DECIDED"
    ),
    "TOPIC": (
        "OTHER PROPER SLUG CAMEL SLASHES PATH KNOWN_FILE CODE COMMAND THING TOOL FILE DOCFILE TROUBLE TEMPLATE CODETEXT"
        " WORLD SHELL CODEBASE USAGE GIT_THING"
    ),
    "AROUND": (
        "THE A OF TO FROM ABOUT AFTER EVER PRIOR BY IN JOURNAL FOR UP COMMA CAME IT TEAM ENTRY OUT WITH LEAD AND AT ASK"
        " DID IS SEEK NEXT PREVIOUS"
    ),
    "NAMED": (
        "WORD CAMEL PASTLIKE CODE NEW TEMPLATE WORK EVENT AND NUMBER COMMAND THING DATE TOOL DECISION LAST SLASHES NOT"
        " USAGE SHELL WORLD CODEBASE TO STILL LEAD DOCFILE"
    ),
}
"""A name for several classes; groups may hold groups."""

_BUT: Mapping[str, str] = {"ANY": "STOP", "PLAIN": "STOP A TEAM THIS JOURNAL DOCUMENT"}
"""A name for every class but these: ANY stays in the sentence, PLAIN passes nothing new, pasted or of the journal."""

_PHRASES: Mapping[str, str] = {
    "FIRST": "^(LEAD|AND|THEN|COMMA|CAN|YOU){0,6}",
    "START": (
        "(^|COMMA|AND|THEN|DASH|OR|LEAD|CAN YOU|YOU TO|MENTION PATH|MENTION)"
        " (LEAD|CAN|YOU|AND|THEN|TO|I|HELP|IF|WILL|MODAL|MENTION){0,6}"
    ),
    "HERE": "(IN (OWN|THIS)? NAMED{0,2} (CODEBASE|FILE|GIT_THING|CONTENT)|IN (DEFINITE|TEAM)? CODETEXT)",
}
"""A name for a piece of a pattern: the begin of a sentence, the begin of an order, and `in our code base`."""

_names = re.compile(r"[A-Z][A-Z_]*")


def pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern over letters. Repeats in it are bounded, so that no text can make it slow."""
    spelled = _names.sub(lambda found: _PHRASES.get(found[0], found[0]), text)
    return re.compile(_names.sub(_letters, spelled).replace(" ", ""))


@cache
def letters_of(*names: str) -> str:
    """The letters of these classes and groups."""
    return "".join(letters_of(*_GROUPS[name].split()) if name in _GROUPS else LETTERS[name] for name in names)


def in_brackets(*names: str) -> str:
    """A character class of the letters of these classes and groups."""
    return f"[{letters_of(*names)}]"


def _letters(found: re.Match[str]) -> str:
    name = found[0]
    if name in _BUT:
        return f"[^{letters_of(*_BUT[name].split())}]"
    return in_brackets(name) if name in _GROUPS else LETTERS[name]


def _classes() -> dict[str, str]:
    return {word: LETTERS[name] for name, words in CLASSES.items() for word in words.split()}


WORDS: Mapping[str, str] = _classes()
"""Word in lower case -> its letter."""
