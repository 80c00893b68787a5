"""One day or one period of days at a place in a text: `3rd of October`, `last week`, `early May`.

Called by the reader of ranges. Positions are indices of tokens; what reads returns None where its form is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from web4_agent.steps.route.day_words import AMBIGUOUS_MONTHS, COUNTS, MONTHS, WEEKDAYS
from web4_agent.steps.route.letters import letters_of
from web4_agent.steps.route.tokens import Tokens

FIRST_YEAR = 1900
_THIS = frozenset({"this", "diese", "dieser", "dieses", "diesen", "diesem"})


@dataclass(frozen=True, slots=True)
class Part:
    """From `start` to `end`, read up to and without token `after`. With `day`, a day whose month stands elsewhere."""

    after: int
    start: date
    end: date
    day: int = 0


class PartReader:
    """Reads days and periods of one text."""

    def __init__(self, tokens: Tokens, today: date) -> None:
        self._tokens = tokens
        self._letters = tokens.letters
        self._today = today
        self._forms = _forms(self)

    def part(self, at: int, *, bare: bool = False) -> Part | None:
        """One day or period. With `bare` a number alone may be a day whose month stands elsewhere."""
        if at >= len(self._letters):
            return None
        read = self._forms.get(self._letters[at])
        found = read(at) if read else None
        if found is None and self.holds(at, "NUMBER", "ORDINAL"):
            found = self._bare_day(at, alone=bare)
        return found

    def _bare_day(self, at: int, *, alone: bool) -> Part | None:
        number = self._number(at)
        joined = alone or self.holds(at + 1, "DASH", "TO", "AND")
        return Part(at + 1, self._today, self._today, number) if joined and 1 <= number <= 31 else None

    # one method for each way to begin

    def digits(self, at: int) -> Part | None:
        """2025-10-03, 20251003, 3.10.2025, 3.10., 10/3/2025 (month first, where both may be), 2025/10/03."""
        word = self.word(at).replace(" ", "")
        if self.holds(at, "COMPACT"):
            return self._single(at + 1, int(word[:4]), int(word[4:6]), int(word[6:]))
        figures = [int(one) for one in word.replace("/", "-").replace(".", "-").split("-") if one]
        if figures[0] >= FIRST_YEAR:
            return self._single(at + 1, *figures) if len(figures) == 3 else None
        year = figures[2] if len(figures) > 2 else 0
        day, month = figures[:2]
        if self.holds(at, "SLASHED") and day <= 12:
            day, month = month, day
        return self._single(at + 1, 2000 + year if 0 < year < 100 else year, month, day)

    def number_first(self, at: int) -> Part | None:
        """3 October, 3rd of October 2025, 3. Oktober; two weeks ago."""
        month = self.skip(at + 1, "OF")
        if self.holds(month, "MONTH_NAME"):
            year, after = self.year(month + 1)
            return self._single(after, year, MONTHS[self.word(month)], self._number(at))
        return self._ago(at, self._number(at))

    def count_first(self, at: int) -> Part | None:
        """A week ago, two weeks ago, a couple of days ago."""
        unit = self.skip(self.skip(at + 1, "COUPLE"), "OF")
        count = COUNTS.get(self.word(at + 1 if self.holds(at + 1, "COUPLE") else at), 0)
        return self._ago(at, count, unit) if count else None

    def month_first(self, at: int) -> Part | None:
        """October 3rd, October 15 2025, October 2025, October."""
        month = MONTHS[self.word(at)]
        day = self.skip(at + 1, "THE")
        if self.holds(day, "NUMBER", "ORDINAL") and 1 <= self._number(day) <= 31:
            year, after = self.year(day + 1)
            return self._single(after, year, month, self._number(day))
        year, after = self.year(at + 1)
        after_preposition = self.holds(at - 1, "IN", "FROM", "LAST", "EARLY", "MID", "LATE")
        if not year and self.word(at) in AMBIGUOUS_MONTHS and not after_preposition:
            return None
        return self._month(after, year or self._recent_year(month, 1), month)

    def iso_month(self, at: int) -> Part | None:
        year, month = self.word(at).split("-")
        return self._month(at + 1, int(year), int(month))

    def quarter(self, at: int) -> Part | None:
        year, after = self.year(at + 1)
        number = int(self.word(at)[1:])
        first = 3 * number - 2
        year = year or self._recent_year(first, 1)
        return Part(after, date(year, first, 1), _month_end(year, first + 2))

    def third(self, at: int) -> Part | None:
        """Early, mid or late October; the beginning of October."""
        month = self.skip(self.skip(at + 1, "DASH"), "OF")
        if not self.holds(month, "MONTH_NAME"):
            return None
        year, after = self.year(month + 1)
        number = MONTHS[self.word(month)]
        year = year or self._recent_year(number, 1)
        if self.holds(at, "EARLY"):
            return Part(after, date(year, number, 1), date(year, number, 10))
        if self.holds(at, "MID"):
            return Part(after, date(year, number, 11), date(year, number, 20))
        return Part(after, date(year, number, 21), _month_end(year, number))

    def in_year(self, at: int) -> Part | None:
        year, after = self.year(at + 1)
        return Part(after, date(year, 1, 1), date(year, 12, 31)) if 2000 <= year <= self._today.year else None

    def relative(self, at: int) -> Part | None:
        """Today, this morning, yesterday, the day before yesterday."""
        if self.holds(at, "DAY"):
            after = at + 2
            return self._back(after + 1, 2) if self.holds(at + 1, "EVER") and self.holds(after, "YESTERDAY") else None
        days = 0 if self.holds(at, "TODAY") else 1 if self.holds(at, "YESTERDAY") else 2
        return self._back(self.skip(at + 1, "MORNING"), days)

    def this(self, at: int) -> Part | None:
        """Up to today: `this morning`, `this week`, `this month`, `this year`; and `the week of 13 October`."""
        if self.holds(at + 1, "WEEK") and self.holds(at + 2, "OF"):
            return self.week(at + 1)
        if self.holds(at + 1, "DAY", "LAST", "BACK", "PREVIOUS", "PAST_TIME", "YESTERDAY", "EARLY", "MID", "LATE"):
            return self.part(at + 1)
        if self.word(at) not in _THIS:
            return None
        if self.holds(at + 1, "MORNING"):
            return self._back(at + 2, 0)
        start = self._period(at + 1, 0)
        return Part(at + 2, start[0], self._today) if start else None

    def last(self, at: int) -> Part | None:
        """Last week, last Friday, the last three days, the past month."""
        if self.holds(at, "PAST_TIME") and self.word(at) != "past":
            return None
        if self.holds(at + 1, "WEEKDAY"):
            return self.weekday(at + 1)
        if self.holds(at + 1, "WEEKEND"):
            return self.weekend(at + 1)
        if self.holds(at + 1, "MONTH_NAME"):
            return self.part(at + 1)
        if self.holds(at + 1, "NUMBER", "COUPLE", "WORD", "A"):
            count = self._number(at + 1) if self.holds(at + 1, "NUMBER") else COUNTS.get(self.word(at + 1), 0)
            return self._rolling(self.skip(at + 2, "OF"), count)
        if self.holds(at + 1, "MORNING"):
            return self._back(at + 2, 1)
        if self.holds(at, "PAST_TIME"):
            return self._rolling(at + 1, 1)
        found = self._period(at + 1, 1)
        return Part(at + 2, *found) if found else None

    def weekday(self, at: int) -> Part | None:
        days = (self._today.weekday() - WEEKDAYS[self.word(at)]) % 7 or 7
        return self._back(self.skip(at + 1, "MORNING"), days)

    def weekend(self, at: int) -> Part | None:
        sunday = self._today - timedelta(days=self._today.weekday() + 1)
        return Part(at + 1, sunday - timedelta(days=1), sunday)

    def week(self, at: int) -> Part | None:
        """KW 41, calendar week 41, week 41, the week of 13 October."""
        if self.holds(at + 1, "OF"):
            day = self.part(self.without_article(at + 2))
            monday = day.start - timedelta(days=day.start.weekday()) if day and not day.day else None
            return Part(day.after, monday, monday + timedelta(days=6)) if day and monday else None
        number = self._number(at + 1) if self.holds(at + 1, "NUMBER") else 0
        if not 1 <= number <= 53:
            return None
        for year in (self._today.year, self._today.year - 1):
            monday = date(year, 1, 4) - timedelta(days=date(year, 1, 4).weekday()) + timedelta(weeks=number - 1)
            if monday <= self._today:
                return Part(at + 2, monday, monday + timedelta(days=6))
        return None

    def prior(self, at: int) -> Part | None:
        """Vor zwei Wochen, vor 3 Tagen."""
        if self.word(at) != "vor":
            return None
        number = self._number(at + 1) if self.holds(at + 1, "NUMBER") else COUNTS.get(self.word(at + 1), 0)
        found = self._before_now(at + 2, number)
        return Part(at + 3, *found) if found else None

    # what they are made of

    def _single(self, after: int, year: int, month: int, day: int) -> Part | None:
        found = day_of(year or self._recent_year(month, day), month, day)
        return Part(after, found, found) if found else None

    def _month(self, after: int, year: int, month: int) -> Part:
        return Part(after, date(year, month, 1), _month_end(year, month))

    def _back(self, after: int, days: int) -> Part:
        day = self._today - timedelta(days=days)
        return Part(after, day, day)

    def _ago(self, at: int, count: int, unit: int = 0) -> Part | None:
        unit = unit or at + 1
        found = self._before_now(unit, count) if self.holds(unit + 1, "AGO") else None
        return Part(unit + 2, *found) if found else None

    def _before_now(self, unit: int, count: int) -> tuple[date, date] | None:
        """A day so many days ago, or the week, month or year so many of them ago."""
        if not 1 <= count <= 500:
            return None
        if self.holds(unit, "DAY"):
            day = self._today - timedelta(days=count)
            return day, day
        return self._period(unit, count)

    def _rolling(self, unit: int, count: int) -> Part | None:
        """The last so many days, weeks, months or years, today included."""
        lengths = {"DAY": 1, "WEEK": 7, "MONTH": 30, "YEAR": 365}
        days = next((length for name, length in lengths.items() if self.holds(unit, name)), 0)
        if not days or not 1 <= count <= 500:
            return None
        return Part(unit + 1, self._today - timedelta(days=days * count), self._today)

    def _period(self, unit: int, back: int) -> tuple[date, date] | None:
        """The calendar week, month or year that lies so many of them back; 0 is the present one."""
        if self.holds(unit, "WEEK"):
            monday = self._today - timedelta(days=self._today.weekday() + 7 * back)
            return monday, monday + timedelta(days=6)
        if self.holds(unit, "MONTH"):
            months = self._today.year * 12 + self._today.month - 1 - back
            return date(months // 12, months % 12 + 1, 1), _month_end(months // 12, months % 12 + 1)
        if self.holds(unit, "YEAR") and self._today.year - back >= FIRST_YEAR:
            return date(self._today.year - back, 1, 1), date(self._today.year - back, 12, 31)
        return None

    def year(self, at: int) -> tuple[int, int]:
        """A year that follows (0: none) and the position behind it."""
        number_at = self.skip(at, "COMMA")
        if self.holds(number_at, "NUMBER") and len(self.word(number_at)) == 4:
            year = self._number(number_at)
            if FIRST_YEAR <= year <= self._today.year + 50:
                return year, number_at + 1
        return 0, at

    def _recent_year(self, month: int, day: int) -> int:
        return self._today.year if (month, day) <= (self._today.month, self._today.day) else self._today.year - 1

    def holds(self, at: int, *names: str) -> bool:
        return 0 <= at < len(self._letters) and self._letters[at] in letters_of(*names)

    def skip(self, at: int, name: str) -> int:
        return at + self.holds(at, name)

    def without_article(self, at: int) -> int:
        return self.skip(self.skip(self.skip(at, "ABOUT"), "THE"), "ABOUT") if not self._this_at(at) else at

    def _this_at(self, at: int) -> bool:
        return self.holds(at, "THE") and self.word(at) in _THIS

    def word(self, at: int) -> str:
        word = self._tokens.word(at).lower() if 0 <= at < len(self._letters) else ""
        return word.replace("’", "'").removesuffix("'s")

    def _number(self, at: int) -> int:
        figures = "".join(one for one in self.word(at) if one in "0123456789")
        return int(figures) if len(figures) <= 4 and figures else 0


def _forms(reader: PartReader) -> dict[str, Callable[[int], Part | None]]:
    """Letter of the first token -> who reads on from there."""
    named: dict[str, Callable[[int], Part | None]] = {
        **dict.fromkeys(("ISO", "COMPACT", "DOTTED", "SLASHED"), reader.digits),
        **dict.fromkeys(("NUMBER", "ORDINAL"), reader.number_first),
        **dict.fromkeys(("A", "WORD", "COUPLE"), reader.count_first),
        **dict.fromkeys(("TODAY", "YESTERDAY", "BEFORE_YESTERDAY", "DAY"), reader.relative),
        **dict.fromkeys(("LAST", "BACK", "PREVIOUS", "PAST_TIME"), reader.last),
        **dict.fromkeys(("WEEK", "CALENDAR_WEEK"), reader.week),
        **dict.fromkeys(("EARLY", "MID", "LATE"), reader.third),
        "MONTH_NAME": reader.month_first,
        "ISO_MONTH": reader.iso_month,
        "QUARTER": reader.quarter,
        "IN": reader.in_year,
        "THE": reader.this,
        "WEEKDAY": reader.weekday,
        "WEEKEND": reader.weekend,
        "PRIOR": reader.prior,
    }
    return {letter: read for name, read in named.items() for letter in letters_of(name)}


def day_of(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month_end(year: int, month: int) -> date:
    return (date(year, 12, 31)) if month == 12 else date(year, month + 1, 1) - timedelta(days=1)
