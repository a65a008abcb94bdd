"""When something was annotated, as labelling tools write it, as a moment that can be compared with others."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from src.data.checks.row_marks import finite_number

_FORMATS = (
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S GMT",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
)
_FIRST = 1e9  # seconds, of the year 2001; digits that spell less are a date, such as 20260131
_MILLISECONDS = 1e11  # a number of seconds from here on would be of the year 5138: it counts milliseconds


def moment(value: Any) -> datetime | None:
    """The moment that a time means; None: it is not understood.

    Args:
        value: ISO 8601 as `datetime.fromisoformat` reads it, RFC 2822, the date with slashes or dots, or seconds or milliseconds since 1970; a time
            without zone is one of UTC, as the servers of the tools write it.
    """
    seconds = finite_number(value)
    if seconds is not None and seconds >= _FIRST:
        return _since_1970(seconds / 1000 if seconds >= _MILLISECONDS else seconds)
    if not isinstance(value, str):
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime, *map(_reader, _FORMATS)):
        try:
            found = read(value.strip())
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _since_1970(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _reader(spelling: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, spelling)
