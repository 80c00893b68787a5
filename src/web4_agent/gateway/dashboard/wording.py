"""How figures are written on the pages: one form for each kind, the same everywhere. Pure."""

import math
from datetime import UTC, date, datetime

from markupsafe import Markup

NOTHING = "–"


def percent(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.{digits}%}".replace("%", " %")


def milliseconds(value: float | None) -> str:
    if not value or not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def bits(value: float | None) -> str:
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.3f}"


def change(value: float | None, digits: int = 3) -> str:
    """With its sign; a true minus, which screen readers read and columns line up with."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" if whole >= 600 else f"{whole // 60} min {whole % 60:02d} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60:02d} min" if hours < 48 else f"{hours // 24} days"


def moment(at: datetime | None) -> Markup | str:
    """Date and minute, UTC; the page says once that all its times are."""
    if at is None:
        return NOTHING
    at = at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(at.strftime("%Y-%m-%dT%H:%MZ"), at.strftime("%Y-%m-%d %H:%M"))


def day(at: date) -> Markup:
    return Markup('<time datetime="{0}">{0}</time>').format(at.isoformat())


def file_name(document: str) -> str:
    return document.rpartition("/")[2] or document


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


FILTERS = {
    "percent": percent,
    "ms": milliseconds,
    "count": count,
    "bits": bits,
    "change": change,
    "duration": duration,
    "moment": moment,
    "day": day,
    "file_name": file_name,
    "cut": cut,
}
