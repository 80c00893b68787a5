"""The days that a question names, in English or German: one day, a range, or a time before or after a day.

Called by the router. Knows the letters of tokens; today is an argument. Where the year is missing it is the newest one
that is not after today. Weeks run from Monday to Sunday.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from web4_agent.steps.route.day_parts import Part, PartReader, day_of
from web4_agent.steps.route.letters import letters_of
from web4_agent.steps.route.tokens import Tokens

MAX_TRIES = 16
"""A text with more numbers than that is a table, not a question."""
_SINCE = frozenset({"since", "seit", "ab"})
_SMALL_WORDS = frozenset(letters_of("THE", "OF", "TO", "IN", "AFTER", "FROM", "EVER", "PRIOR", "BETWEEN", "A", "WORD"))
_DAY_WORDS = frozenset(
    letters_of(
        *("ISO", "COMPACT", "DOTTED", "SLASHED", "NUMBER", "ORDINAL", "COUPLE", "TODAY", "YESTERDAY", "DAY"),
        *("BEFORE_YESTERDAY", "LAST", "BACK", "PREVIOUS", "PAST_TIME", "WEEK", "CALENDAR_WEEK", "EARLY", "MID", "LATE"),
        *("MONTH_NAME", "ISO_MONTH", "QUARTER", "WEEKDAY", "WEEKEND", "MONTH", "YEAR", "MORNING"),
    )
)


@dataclass(frozen=True, slots=True)
class Days:
    """The tokens `first` up to and without `after` name the days `start` to `end`, both included; None is open."""

    first: int
    after: int
    start: date | None
    end: date | None


def find_days(tokens: Tokens, today: date) -> list[Days]:
    """Every day or range in the text, in order, none overlapping another."""
    return _Reader(tokens, today).all()


class _Reader:
    """Reads one text. Positions are indices of tokens; each method that reads returns None where its form is not."""

    def __init__(self, tokens: Tokens, today: date) -> None:
        self._letters = tokens.letters
        self._today = today
        self._parts = PartReader(tokens, today)

    def all(self) -> list[Days]:
        found: list[Days] = []
        at = tries = 0
        while at < len(self._letters) and tries < MAX_TRIES:
            may_start = self._may_start(at)
            tries += may_start
            days = self._range(at) if may_start else None
            if days is None:
                at += 1
            else:
                found.append(days)
                at = days.after
        return found

    def _may_start(self, at: int) -> bool:
        """A cheap look before the reading: small words stand before days far less often than before other words."""
        letter = self._letters[at]
        if letter in _SMALL_WORDS:
            return any(near in _DAY_WORDS for near in self._letters[at + 1 : at + 4])
        return letter in _DAY_WORDS

    def _range(self, at: int) -> Days | None:
        """`between X and Y`, `X - Y`, `since X`, `before X`, `after X` or one part alone."""
        opening = self._parts.holds(at, "BETWEEN", "FROM", "EVER", "AFTER", "PRIOR", "TO", "OF")
        word = self._parts.word(at) if opening else ""
        first = self._parts.part(self._parts.without_article(at + 1) if opening else at)
        if first is None:
            alone = self._parts.part(at) if opening else None
            return Days(at, alone.after, alone.start, alone.end) if alone and not alone.day else None
        second = self._second(first, joined_by_and=word in {"between", "zwischen"})
        if second is not None:
            return self._joined(at, first, second)
        if first.day:
            return None
        return self._opened(at, word, first)

    def _second(self, first: Part, *, joined_by_and: bool) -> Part | None:
        joints = ("DASH", "TO", "AND") if joined_by_and else ("DASH", "TO")
        if not self._parts.holds(first.after, *joints) and not (first.day and self._parts.holds(first.after, "AND")):
            return None
        return self._parts.part(self._parts.without_article(first.after + 1), bare=True)

    def _joined(self, at: int, first: Part, second: Part) -> Days | None:
        """Either end may borrow the month of the other."""
        if first.day and second.day:
            return None
        if second.day and (year := self._parts.year(second.after))[0]:
            moved = day_of(year[0], first.start.month, first.start.day) or first.start
            first, second = Part(first.after, moved, moved), Part(year[1], second.start, second.end, second.day)
        start, end = first.start, second.end
        if first.day:
            start = day_of(second.start.year, second.start.month, first.day) or second.start
        if second.day:
            end = day_of(first.start.year, first.start.month, second.day) or first.end
        if start > end:
            earlier = day_of(start.year - 1, start.month, start.day)
            start = earlier if first.day == 0 and earlier is not None and (end - earlier).days < 366 else start
        return Days(at, second.after, start, end) if start <= end else None

    def _opened(self, at: int, word: str, part: Part) -> Days:
        day = timedelta(days=1)
        if word in _SINCE:
            return Days(at, part.after, part.start, max(self._today, part.start))
        if word in {"until", "till", "bis"}:
            return Days(at, part.after, None, part.end)
        if word in {"before", "vor"} or self._parts.holds(at, "PRIOR", "EVER"):
            return Days(at, part.after, None, part.start - day)
        if word and self._parts.holds(at, "AFTER"):
            return Days(at, part.after, part.end + day, max(self._today, part.end + day))
        return Days(at + bool(word), part.after, part.start, part.end)
