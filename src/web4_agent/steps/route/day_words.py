"""The words of the calendar, English and German. Read by the lexer and by the reader of days."""

from collections.abc import Mapping

MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner",
            "february feb februar",
            "march mar märz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}
WEEKDAYS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "monday mon montag montags",
            "tuesday tue tues dienstag dienstags",
            "wednesday wed mittwoch mittwochs",
            "thursday thu thur thurs donnerstag donnerstags",
            "friday fri freitag freitags",
            "saturday samstag samstags sonnabend",
            "sunday sonntag sonntags",
        )
    )
    for name in names.split()
}
COUNTS: Mapping[str, int] = {
    word: number
    for number, words in enumerate(
        (
            *("", "one ein eine einem einer a", "two zwei couple", "three drei few paar several einigen", "four vier"),
            *("five fünf", "six sechs", "seven sieben", "eight acht", "nine neun", "ten zehn"),
        )
    )
    for word in words.split()
}
"""`a few` is read as three."""
ABBREVIATED = frozenset({"mar", "may", "sep", "jun", "jul", "mon", "wed", "thu", "fri", "tue", "dec", "dez", "jan"})
"""Words or parts of code, too: they count with a capital only."""
AMBIGUOUS_MONTHS = frozenset({"may", "march", "mar", "sept", "sep", "jan", "dec"})
"""Months that are words, too: alone they count after a preposition only."""
