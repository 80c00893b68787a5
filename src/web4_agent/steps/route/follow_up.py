"""Does a message only follow up an earlier one: `and after that?`, `why?`, `tell me more`. And which one it follows up.

Called by the router. Knows a closed list of words: one word outside it, and the message speaks for itself.
"""

import re
from collections.abc import Sequence

MAX_CHARS = 80
MAX_WORDS = 10
MOST_BACK = 4
"""Messages looked back: after so many follow-ups nobody knows any more what is meant."""

_LONE_WORDS = "why when who where how which warum wieso weshalb wann wer wo woher wie then dann"
"""Enough alone, or with a word of joining."""
_BINDING_WORDS = (
    "that this those these it its them they he him his she her before after afterwards next later earlier previously"
    " previous since following more else again other others another further details same"
    " das dies dieser diese dieses es sie ihn ihm er davon darüber dazu dabei damit dafür deswegen danach davor"
    " vorher nachher anschließend später früher nächste nächstes zuvor seitdem mehr noch weitere weiter sonst"
)
"""Words that mean nothing without what was said before."""
_JOINING_WORDS = (
    "and so but also ok okay well about what the a is was were did do does done happened happen happens come came"
    " comes of to for by in with there tell me us show give please any anything something exactly now we you one ones"
    " it's that's what's who's made decided decide wrote"
    " und aber auch nun welche welcher welches der die den dem ein eine ist war wurde kam kommt gab gibt passierte"
    " passiert geschah hat haben wir uns mir bitte zeig sag erzähl etwas genau denn als in von zu"
)
_LONE, _BINDING = frozenset(_LONE_WORDS.split()), frozenset(_BINDING_WORDS.split())
_KNOWN = _LONE | _BINDING | frozenset(_JOINING_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_MARKS = re.compile(r"[\s.,;:!?…\-–—'’\"]*")


def followed(text: str, before: Sequence[str]) -> str:
    """The message among `before` (the latest first) that `text` follows up; empty where it stands alone."""
    if not is_follow_up(text):
        return ""
    return next((one for one in before[:MOST_BACK] if one.strip() and not is_follow_up(one)), "")


def is_follow_up(text: str) -> bool:
    """Whether the words are all of the list, and some of them point back."""
    if len(text) > MAX_CHARS or _MARKS.sub("", _WORD.sub("", text)):
        return False
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    if not words or len(words) > MAX_WORDS or not all(word in _KNOWN for word in words):
        return False
    lone = [word for word in words if word in _LONE]
    return any(word in _BINDING for word in words) or (bool(lone) and len(words) <= len(lone) + 1)
