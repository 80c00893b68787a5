"""Which time zone the timetable's times are in: the one that is set, else the machine's, with its summer time."""

from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALTIME = Path("/etc/localtime")
_FOLDER = "zoneinfo/"


def find_zone(name: str, variable: str, localtime: Path = LOCALTIME) -> tzinfo:
    """`name` if it is one; else what the TZ `variable` names; else the zone of the machine; UTC where none is known.

    Asked anew for each look at the timetable: a laptop travels.
    """
    for candidate in (name, variable.removeprefix(":")):
        if candidate and (found := named(candidate)) is not None:
            return found
    return _machine(localtime) or UTC


def named(name: str) -> ZoneInfo | None:
    """The zone of that IANA name, None where the machine has none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last: a folder's name, such as Europe
        return None


def zone_name(zone: tzinfo) -> str:
    """For people."""
    return getattr(zone, "key", None) or ("UTC" if zone is UTC else "the machine's zone")


def _machine(localtime: Path) -> ZoneInfo | None:
    target = str(localtime.resolve())
    if _FOLDER in target and (found := named(target.rpartition(_FOLDER)[2])) is not None:
        return found
    try:
        with localtime.open("rb") as stream:  # a copy instead of a link: the rules without their name
            return ZoneInfo.from_file(stream)
    except (OSError, ValueError):
        return None
