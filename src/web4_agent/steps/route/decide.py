"""One query to one decision: trained, tools, history, today's buffer, or tools and history; and where to look.

Called by the gateway and the command line with what is known of the journal. Pure: no ledger, no settings, no clock.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from itertools import islice

from web4_agent.domain.queries import Route, RouteDecision, Tier
from web4_agent.steps.route.acts import act_sign, place_sign
from web4_agent.steps.route.dates import Days, find_days
from web4_agent.steps.route.follow_up import followed
from web4_agent.steps.route.graph import find_anchor
from web4_agent.steps.route.history import history_sign
from web4_agent.steps.route.letters import LETTERS, in_brackets, letters_of, pattern
from web4_agent.steps.route.lexer import lex, prefixes
from web4_agent.steps.route.prose import prose
from web4_agent.steps.route.tokens import Tokens, merged
from web4_agent.steps.route.words import ROLE_WORDS

OLDEST_YEARS = 15
"""No team's journal is older; a day before that is one of the world's."""
MAX_ANCHOR_CHARS = 200
MAX_SENTENCE_TOKENS = 40
"""A longer one is read in pieces: the cost of a pattern grows faster than the sentence."""
MAX_FOLLOWED_CHARS = 400


class Wish(StrEnum):
    """What the request itself says about retrieval; the values of the header `X-Web4-Retrieval`."""

    AUTO = "auto"
    FORCE = "force"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Known:
    """What the router knows of one journal on one day. Made once and used for many queries."""

    agents: frozenset[str]
    sprints: frozenset[str]
    today: date
    names: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Names of agents, and their begins, in lower case without blanks."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", prefixes(_spellings(self.agents)))


@dataclass(frozen=True, slots=True)
class _Read:
    """What the sentences of a query say: `acts` and `history` are reasons, or empty. `topic`: more selects than a day,
    a sprint or an agent."""

    tokens: Tokens
    days: Days | None
    acts: str
    history: str
    topic: bool


def route(text: str, known: Known, *, wish: Wish = Wish.AUTO, before: Sequence[str] = ()) -> RouteDecision:
    """Decide about the last message of a user. Never raises; takes less than a millisecond however long the text is.

    `before`: what the same user said earlier in the conversation, the latest first. A message that says nothing of its
    own ("and after that?") is routed as the question that it follows up, whose words the decision then carries.
    """
    earlier = prose(followed(text, before))
    if not earlier:
        return _decided(_read(prose(text), known), known, wish)
    decision = _decided(_following(_read(prose(text), known), _read(earlier, known)), known, wish)
    if decision.route is Route.TRAINED:
        return decision
    return replace(decision, reason=f"follows up: {decision.reason}", follows=earlier[:MAX_FOLLOWED_CHARS])


def _decided(read: _Read, known: Known, wish: Wish) -> RouteDecision:
    plain = Route.TOOLS if read.acts else Route.TRAINED
    if wish is Wish.NEVER:
        return RouteDecision(plain, _reason(read.acts, "retrieval was forbidden"))
    if read.history:
        return _retrieving(read, read.history, known)
    if wish is Wish.FORCE:
        return _retrieving(read, "retrieval was asked for", known)
    return RouteDecision(plain, _reason(read.acts))


def _read(text: str, known: Known) -> _Read:
    lexed = lex(text, known.names)
    days = find_days(lexed, known.today)
    sprints = [(found.start(), found.end(), "SPRINT_NAME") for found in _SPRINT.finditer(lexed.letters)]
    tokens = merged(lexed, sorted([(one.first, one.after, "DATE") for one in days] + sprints))
    ancient = bool(days) and all(_is_ancient(one, known.today) for one in days)
    acts, history, asked = "", "", []
    waiting, asked_days = iter(days), []
    for written in _SENTENCE.findall(tokens.letters):
        here = list(islice(waiting, written.count(LETTERS["DATE"])))
        sentence = _RUN.sub(r"\1\1\1", written)
        sign = history_sign(sentence, ancient=ancient)
        if sign:
            asked.append(sentence)
            asked_days += here
        history = history or sign
        acts = acts or act_sign(sentence, asks_history=bool(sign)) or ("" if sign else place_sign(sentence))
    topic = bool(_TOPIC.search("".join(asked)))
    return _Read(tokens, next(iter(asked_days or days), None), acts, history, topic)


def _following(read: _Read, earlier: _Read) -> _Read:
    """A day and a wish of the message's own count, and all else is the earlier question's."""
    says = bool(read.acts or read.history)
    return replace(
        earlier,
        days=read.days or earlier.days,
        acts=read.acts if says else earlier.acts,
        history=read.history if says else earlier.history,
    )


def _retrieving(read: _Read, reason: str, known: Known) -> RouteDecision:
    anchor = find_anchor(read.tokens)[:MAX_ANCHOR_CHARS] if read.history else ""
    agent = next(iter(read.tokens.names.values()), "")
    sprint = _sprint(read.tokens, known.sprints)
    start, end = (read.days.start, read.days.end) if read.days else (None, None)
    tiers = _tiers(read, anchored=bool(anchor), dated=read.days is not None, named=bool(agent or sprint))
    today = (start, end) == (known.today, known.today) and not anchor
    chosen = Route.BOTH if read.acts else Route.BUFFER if today else Route.HISTORY
    where = anchor or (sprint if tiers[0] is Tier.TIMELINE else "")
    return RouteDecision(chosen, _reason(reason, read.acts), tiers, start, end, agent, where)


def _tiers(read: _Read, *, anchored: bool, dated: bool, named: bool) -> tuple[Tier, ...]:
    """The main one first. A day selects even beside a topic; an agent or a sprint only where there is no topic."""
    if anchored:
        return Tier.GRAPH, Tier.SEMANTIC
    if not read.history:
        return (Tier.SEMANTIC, Tier.TIMELINE) if dated or named else (Tier.SEMANTIC,)
    if dated:
        return (Tier.TIMELINE, Tier.SEMANTIC) if read.topic else (Tier.TIMELINE,)
    if named:
        return (Tier.SEMANTIC, Tier.TIMELINE) if read.topic else (Tier.TIMELINE,)
    return (Tier.SEMANTIC,)


_SENTENCE = re.compile(f"[^{letters_of('STOP')}]{{1,{MAX_SENTENCE_TOKENS}}}{in_brackets('STOP')}?")
_RUN = re.compile(f"([^{letters_of('WORD', 'STOP')}])\\1{{3,}}")
"""One class of known words again and again: `and and and …`. No sentence is so, and patterns are slow on it."""
_SPRINT = pattern("SPRINT DASH? NUMBER")
_TOPIC = pattern("TOPIC")
"""Words that name a matter; those of asking, doing and time name none."""


def _sprint(tokens: Tokens, sprints: frozenset[str]) -> str:
    """The sprint's name as the journal has it, where it knows the number."""
    at = tokens.letters.find(LETTERS["SPRINT_NAME"])
    number = _figures(tokens.word(at)) if at >= 0 else ""
    return next((name for name in sorted(sprints) if _figures(name) == number), f"Sprint {number}") if number else ""


def _figures(text: str) -> str:
    return "".join(one for one in text if one.isdecimal())


def _is_ancient(days: Days, today: date) -> bool:
    day = days.end or days.start
    return day is not None and day.year < today.year - OLDEST_YEARS


def _reason(*parts: str) -> str:
    return "; ".join(part for part in parts if part) or "nothing asks for the journal or for a tool"


def _spellings(agents: frozenset[str]) -> dict[str, str]:
    """Each name in lower case without blanks; a person's first name, too, where one person has it."""
    whole = {_bare(name): name for name in sorted(agents) if len(_bare(name)) > 2}
    people: dict[str, list[str]] = {}
    for name in agents:
        first, _, rest = name.partition(" ")
        if first.isalpha() and rest.isalpha() and rest.lower() not in _ROLES:
            people.setdefault(first.lower(), []).append(name)
    return {**{first: names[0] for first, names in people.items() if len(names) == 1}, **whole}


_ROLES = frozenset(ROLE_WORDS.split())


def _bare(name: str) -> str:
    return "".join(one for one in name.lower() if one.isalnum())
