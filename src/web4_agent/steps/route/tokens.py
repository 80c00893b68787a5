"""A text as tokens. Made by the lexer, read by whoever matches patterns over letters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from web4_agent.steps.route.letters import LETTERS


@dataclass(frozen=True, slots=True)
class Tokens:
    """`letters[i]` is the class of the token that `text[starts[i]:ends[i]]` spells; `names[i]` the agent it names."""

    text: str
    letters: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    names: Mapping[int, str]

    def word(self, at: int) -> str:
        return self.text[self.starts[at] : self.ends[at]]

    def between(self, first: int, last: int) -> str:
        """The text from one token up to and without another."""
        return self.text[self.starts[first] : self.ends[last - 1]] if last > first else ""


def merged(tokens: Tokens, ranges: Sequence[tuple[int, int, str]]) -> Tokens:
    """Each range (first, after, class) becomes one token of that class. Ranges are in order and don't overlap."""
    letters = ""
    starts: list[int] = []
    ends: list[int] = []
    names: dict[int, str] = {}
    at = 0
    for first, after, name in (*ranges, (len(tokens.letters), 0, "")):
        names.update({len(starts) + old - at: agent for old, agent in tokens.names.items() if at <= old < first})
        letters += tokens.letters[at:first]
        starts += tokens.starts[at:first]
        ends += tokens.ends[at:first]
        if name:
            letters += LETTERS[name]
            starts.append(tokens.starts[first])
            ends.append(tokens.ends[after - 1])
            at = after
    return Tokens(tokens.text, letters, tuple(starts), tuple(ends), names)
