"""Questions about the order of documents, and the words that name the document they start from.

Called by the router. Knows classes of words; whether such a document exists is for the link graph to find out.
"""

from web4_agent.steps.route.letters import letters_of, pattern
from web4_agent.steps.route.tokens import Tokens

_SIGNS = tuple(
    pattern(text)
    for text in (
        "(WHAT|WHO) ANY{0,4} CAME (WORD|LEAD|ABOUT){0,2} (AFTER|EVER|PRIOR|BY|OUT)",
        "(WHAT|WHO) ANY{0,4} (HAPPENED|DONE|MADE|WAS|DOING|COMES) (WORD|LEAD)? (AFTER|EVER|PRIOR) (?=ANY{0,10} PAPER)",
        "(WHAT|WHO) PAPER COMES",
        "(WHAT|WHO|WHERE) ANY{0,3} CONTINUE (THE|ABOUT|OF|TO|FROM)",
        "CONTINUE (OF|ABOUT|TO|FROM)",
        "HOW (DID|CAME) IT? (AFTER|ANY{1,10} CONTINUE)",
        "(WHAT|WHO) ANY{0,3} CAME (?=DEFINITE|TEAM|CAMEL|DOCUMENT|FROM|IN|ABOUT)",
        "(NEXT|PREVIOUS) (NEW|LAST)? (JOURNAL|DOCUMENT|ENTRY) (AFTER|TO|OF|EVER|PRIOR|FROM|CAME|FOR)",
        "(JOURNAL|ENTRY|FILLER) (AFTER|EVER|PRIOR) (THE|DOCUMENT|CAMEL)",
        "CHAIN (OF|FROM|ABOUT|TO|FOR) (THE|EACH)? PAPER (THE|CAME|FROM|OF|AFTER|BY|TO|ABOUT){0,4}",
        "CHAIN (OF|FROM|TO|FOR|ABOUT)",
        "PAPER CHAIN (OF|FROM|TO|FOR|ABOUT)?",
        "(WHAT|WHO) (JOURNAL|ENTRY)? LED UP? (TO|ABOUT|DEFINITE)",
        "WHAT_TO LED",
        "SUCCESSOR (OF|TO|FROM|ABOUT|FOR)?",
        "PAPER ANY{0,3} (CAME) (FROM|ABOUT|AFTER|EVER|PRIOR)?",
        "PAPER (AFTER|EVER|PRIOR|PREVIOUS) (THE|TO)?",
    )
)
_INSIDE = tuple(
    pattern(text)
    for text in (
        "DID (ANY{1,12}) (?:LED|COMES|CONTINUE) (?:TO|STOP|$|ABOUT|FROM)",
        "(?:AFTER|EVER|PRIOR) (ANY{1,14}) COMMA (?:AND)? WHAT ANY{0,3} (?:CAME|COMES|HAPPENED|NEXT)",
    )
)
"""Here the name stands within the question, in the group."""
_AROUND = letters_of("AROUND")
"""What may stand round the words that name a document."""
_STOPS = letters_of("STOP")


def find_anchor(tokens: Tokens) -> str:
    """The words that name the document; empty where the text does not ask about order."""
    for inside in _INSIDE:
        found = inside.search(tokens.letters)
        if found and (anchor := _trimmed(tokens, *found.span(1))):
            return anchor
    for sign in _SIGNS:
        found = sign.search(tokens.letters)
        if found is None:
            continue
        after = found.end()
        while after < len(tokens.letters) and tokens.letters[after] not in _STOPS:
            after += 1
        anchor = _trimmed(tokens, found.end(), after) or _trimmed(tokens, 0, found.start())
        if anchor:
            return anchor
    return ""


def _trimmed(tokens: Tokens, first: int, after: int) -> str:
    while first < after and _is_around(tokens, first):
        first += 1
    while first < after and _is_around(tokens, after - 1):
        after -= 1
    only_days = set(tokens.letters[first:after]) <= set(letters_of("DATE"))
    return "" if only_days else tokens.between(first, after)


def _is_around(tokens: Tokens, at: int) -> bool:
    """Whether a token only stands round a name; in `Router-PDCA` it is the name."""
    return tokens.letters[at] in _AROUND and "-" not in tokens.word(at)
