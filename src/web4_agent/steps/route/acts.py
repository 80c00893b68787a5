"""Does a text ask for something to be done in the workspace: read, search, change, run? The rules over the patterns.

Called by the router, sentence by sentence. Code that is asked for or described is no act: `write a function that reads
a file` wants text, not a tool.
"""

from web4_agent.steps.route import act_signs
from web4_agent.steps.route.letters import LETTERS, letters_of, pattern

_ORDERS = tuple(pattern(text) for text in act_signs.ORDERS)
_QUESTIONS = tuple(pattern(text) for text in act_signs.QUESTIONS)
_PATH = pattern("PATH|URL|MENTION")
"""A path in a question that asks for no history can only be answered by looking."""
_ADVICE = pattern(
    "^(LEAD|AND|THEN|COMMA|NOT|SO|REMEMBER){0,6} (CAN YOU|YOU CAN)? (TELL I|SEEK I)?"
    " (HOW (TO|DO (I|YOU|A|TEAM|WORLD|SHELL|GIT|LISTING)|ABLE|IS (A|IT))|HOW IS|WHY|WHEN (DO|MODAL|IS|ABLE)|IS IT"
    "|ABLE (I|TEAM)|WHAT WORD? COMMAND|WHAT (IS|DO|ABLE) (A|SHELL|LISTING|GIT|WORD STOP)"
    "|TELL I? (HOW|WHY|A|SHELL|GIT|LISTING)|VERSUS)"
)
"""Knowledge is asked for, however much it is about files and commands."""
_GENERAL = pattern("HOW (TO|DO (I|YOU|A|TEAM)|ABLE)|^ABLE (I|TEAM)|IS IT|WHY DO (I|TEAM|YOU|SHELL)")
"""Advice even where a path is named."""
_ABSTRACT = pattern(
    "IN (WORLD|SHELL) (STOP|$)|^ANY{0,3} VERSUS|^WORD? ERROR|THIS (CODE|CODETEXT|TEMPLATE)|(CODE|CODETEXT) ABOVE"
    "|ABOVE (CODE|CODETEXT)"
)
"""A language is named at the end, things are compared, or what was pasted is meant: the model alone can answer."""
_NEW_CODE = pattern(
    "^(WORD|LISTING)? (CODE|COMMAND)"
    "|(WRITE|SEEK I|LEAD) (I|TEAM|YOU)? (A|THE)? ANY{0,5} (CODE|COMMAND|THING|DOCFILE|TEMPLATE)"
)
_DESCRIBED = pattern(
    "(?:WRITE|SEEK|LEAD|TELL|^|I|HOW)"
    " (?:I|A|THE|TEAM|NEW|WORK|WORLD|WORD|CAMEL|TEMPLATE|THING|COMMAND|SHELL|DASH|LISTING|DOCFILE){0,6}?"
    " (?:CODE|COMMAND|DASH|USAGE|TEMPLATE|THING|DOCFILE){1,4}"
    " (?:WORD|CAMEL|CODE|IN WORLD|WITH ANY{0,6}|FOR A?){0,3} COMMA?"
    " ((?:THE|TO|WHAT|FOR|OF|WITH) (?!(?:THE|TEAM|IN)? (?:PATH|MENTION)) ANY{0,40})"
)
"""Code that is asked for; what it shall do stands in the group."""
_RESUMED = pattern("(AND|THEN|COMMA) (WRITE|RUN|GIT|EDIT|INSTALL) (IT|THE)|(IN|TO) (PATH|KNOWN_FILE)")
"""Where the description ends and an order goes on: `… and save it to src/x.ts`."""
_QUIET = {ord(letter): LETTERS["OTHER"] for letter in letters_of("SEEK", "LOOK", "TELL")}


def act_sign(sentence: str, *, asks_history: bool) -> str:
    """Why this sentence asks for a tool, or an empty text. Where it asks for history, to look and to tell is no act."""
    wanted = _without_descriptions(sentence)
    if asks_history:
        wanted = wanted.translate(_QUIET)
    if _ADVICE.search(wanted) or _ABSTRACT.search(wanted):
        return ""
    return "asks to act in the workspace" if any(order.search(wanted) for order in _ORDERS) else ""


def place_sign(sentence: str) -> str:
    """Why a sentence that asks for no history needs a look at the workspace, or an empty text."""
    wanted = _without_descriptions(sentence)
    if _ADVICE.search(wanted) and (_GENERAL.search(wanted) or not _PATH.search(wanted)):
        return ""
    found = _PATH.search(wanted) or any(question.search(wanted) for question in _QUESTIONS)
    return "asks about the workspace" if found else ""


def _without_descriptions(sentence: str) -> str:
    found = _DESCRIBED.search(sentence) if _NEW_CODE.search(sentence) else None
    if found is None:
        return sentence
    resumed = _RESUMED.search(sentence, found.start(1))
    rest = sentence[resumed.start() :] if resumed else ""
    return sentence[: found.start(1)] + LETTERS["OTHER"] + rest
