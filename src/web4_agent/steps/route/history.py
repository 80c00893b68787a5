"""Does a sentence ask for the past of the team? The rules over the patterns, and the reason they give.

Called by the router, sentence by sentence. Knows classes of words, no spelling; a day and the name of an agent are one
token each by now.
"""

from web4_agent.steps.route import history_signs
from web4_agent.steps.route.letters import LETTERS, pattern

_QUESTIONS = tuple((reason, pattern(text)) for reason, texts in history_signs.QUESTIONS.items() for text in texts)
_DOCUMENTS = tuple(pattern(text) for text in history_signs.DOCUMENTS)
_FOREIGN = pattern(
    "NATION|(DID|WAS|HAVE|DO|IS|WHO (PASTVERB|PASTLIKE)|WHAT LED TO) DEFINITE? (TECH|SHELL)"
    "|(IN|OF|BETWEEN) TECH NUMBER? (STOP|$|COMMA|AND)"
)
"""The past of the world: a nation, or a technology as what the sentence is about."""
_OURS = pattern("TEAM|JOURNAL|AGENT|SPRINT_NAME|DOCUMENT|SESSION")
_CONVENTION = pattern(
    "^(LEAD|AND|SO|COMMA){0,6} (ABLE (?!YOU)|ASK WORD? (DO|MODAL|CAN) (THE|EACH)"
    "|ASK WORD? (DO|MODAL|CAN|IS|USE|OTHER|WRITE|HAPPEN|OPEN|TEMPLATE|SEEK) (TEAM|I|YOU|A|WHO))"
    " (?!ANY{0,40} (PASTVERB|DID|DATE|HAVE|TELL|EVER|LAST|CAME|LED|KNOW|ANYMORE|PASTLIKE (STOP|$)))"
)
"""The timeless present: how things are done, which the model was taught."""
_HYPOTHETICAL = pattern("(CAN|MODAL) TEAM HAVE")
_STATEMENT = pattern(
    "^(LEAD|COMMA|AND){0,6} (DATE|COMMA){0,3} (I|TEAM|THE TEAM) (PAST|OTHER|HAVE|CAME)"
    " (?!ANY{0,40} COMMA (WRITE|EDIT|DOING|USE))"
    "|(HAVE|DID) YOU|^(LEAD|COMMA|AND){0,6} I (WORD|THING|CODE|CODETEXT){1,2} PAST"
    "|(A|^) WORD{0,2} (CODE|COMMAND) (THE|TO|FOR|WHAT)"
)
"""What somebody tells before they ask, what they ask of the assistant itself, or code that they describe."""
_MAKING = pattern(
    "^(LEAD|AND|THEN|COMMA|CAN|YOU|I|TO|HELP|IF|ABLE){0,8} (WRITE|TEMPLATE|WORD|HELP|USE)"
    " (I|A|THE|TEAM|NEW|WORK|WORD|CAMEL|TEMPLATE|UP|OUT|IN|TO|NEXT|IT|OF|YOU|SESSION|PASTLIKE){0,8}"
    " (JOURNAL|CODE|SPRINT_NAME)"
)
"""`Write a PDCA for …`, `fill the Plan section`: something new is wanted, whatever it is called."""
_HOW_TO = pattern("^(LEAD|AND|THEN|COMMA){0,6} (HOW (TO|DO|ABLE|IS (A|IT))|WHAT (IS|DO) (A|THE)? (TEMPLATE|CODE))")
_DATED = pattern(
    "TEAM|WORK|JOURNAL|ENTRY|SESSION|AGENT|DECISION|HAPPEN|SPRINT|TROUBLE|SUCCESSOR|(DID|HAVE) ANY{0,2} I"
    "|ASK ANY{0,4} I HAVE|WHAT WAS|CAME|^(LEAD|I){0,6} (SEEK|TELL) (I|EACH)? DATE (STOP|$)"
    "|(ASK|^(SEEK|TELL|EACH)) ANY{0,40} PASTVERB"
)
"""What makes a day a matter of the journal."""
_SHORT_TOKENS = 8
_TOPICAL = pattern(
    "OTHER|PROPER|CAMEL|CODE|THING|FILE|DAY|TIME|YOU|I|WORLD|SHELL|EDIT|WRITE|OPEN|RUN|WEEKDAY|PASTLIKE|TEMPLATE"
)
"""What a bare `how was last week` has none of."""
_FORM = pattern(
    "A (WORD|NEW|CAMEL|AND){0,2} JOURNAL (?!ABOUT|FROM|BY|WHERE|ANY{0,4} (DATE|AGENT))"
    "|(TEMPLATE|CODE) (OF|FOR|IN|TO) (A|THE|TEAM|EACH)? JOURNAL|(ABLE|DO) (A|THE|EACH)? JOURNAL"
    "|JOURNAL (TEMPLATE|ABLE|IS)|VERSUS ANY{0,2} JOURNAL|WHAT_TO TELL"
    "|WHAT (IS|DO) (A|THE)? JOURNAL (?!ABOUT|FROM|OF|BY|WHERE)"
)
"""The form, not a document: `a PDCA template`, `what is a PDCA`, `which sections must a PDCA have`."""


def history_sign(sentence: str, *, ancient: bool) -> str:
    """Why this sentence asks for the journal, or an empty text. `ancient`: its days lie before any journal."""
    if _FOREIGN.search(sentence) and not _OURS.search(sentence):
        return ""
    if _CONVENTION.search(sentence) or _HYPOTHETICAL.search(sentence):
        return ""
    for reason, sign in _QUESTIONS:
        if sign.search(sentence):
            return reason
    if _STATEMENT.search(sentence) or _MAKING.search(sentence) or _HOW_TO.search(sentence):
        return ""
    if LETTERS["DATE"] in sentence and not ancient and _is_dated(sentence):
        return "asks about a day"
    if LETTERS["SPRINT_NAME"] in sentence:
        return "asks about a sprint"
    if _FORM.search(sentence):
        return ""
    return "asks for journal documents" if any(sign.search(sentence) for sign in _DOCUMENTS) else ""


def _is_dated(sentence: str) -> bool:
    return bool(_DATED.search(sentence)) or (len(sentence) <= _SHORT_TOKENS and not _TOPICAL.search(sentence))
