"""Cron expressions as Pachyderm reads them: five fields, ``@every 60s``, ``@daily`` and ``@never``.

Source: https://pkg.go.dev/github.com/robfig/cron/v3#ParseStandard
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from runner.model.errors import Invalid
from runner.spec.durations import InvalidDuration, parse_duration

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_NEVER = "@never"
_EVERY = "@every "
_ZONES = ("CRON_TZ=", "TZ=")
_FIELDS = 5
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_HINT = 'write "0 6 * * *", "@every 60s" or "@daily"'


class InvalidCron(Invalid):
    """The text is no cron expression."""


def check_cron(text: str) -> None:
    """Return when *text* is a cron expression.

    Raises:
        InvalidCron: It is none; the message says why.
    """
    zone, expression = _parts(text)
    if zone:
        _zone(zone)
    if expression.startswith(_EVERY):
        _seconds(expression)
    elif expression != _NEVER and expression not in _NAMED:
        _check_fields(expression)


def next_tick(text: str, after: datetime) -> datetime | None:
    """Return the first tick of an expression after a time, in UTC; None: there will be none.

    Args:
        text: Passes `check_cron`.
        after: Aware. ``@every`` counts from its whole second.
    """
    zone, expression = _parts(text)
    if expression == _NEVER:
        return None
    if expression.startswith(_EVERY):
        return after.astimezone(UTC).replace(microsecond=0) + _period(expression)
    found = next(CronSim(_fields(expression), after.astimezone(_zone(zone))), None)
    return None if found is None else found.astimezone(UTC)


def latest_ticks(text: str, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """Return the ticks after one time and not after another, in UTC, the oldest first; at most so many, the latest.

    Costs what it returns, however long the time between is.
    """
    zone, expression = _parts(text)
    if expression == _NEVER or until <= after:
        return []
    if expression.startswith(_EVERY):
        period, begin = _period(expression), after.astimezone(UTC).replace(microsecond=0)
        count = (until - begin) // period
        return [begin + n * period for n in range(max(1, count - limit + 1), count + 1)]
    last = until.astimezone(_zone(zone)).replace(microsecond=0) + timedelta(seconds=1)
    backwards = takewhile(lambda tick: tick > after, CronSim(_fields(expression), last, reverse=True))
    return [tick.astimezone(UTC) for tick in islice(backwards, limit)][::-1]


def _parts(text: str) -> tuple[str, str]:
    """Return the name of the time zone, empty for UTC, and the expression without it."""
    if not text.startswith(_ZONES):
        return "", text.strip()
    zone, _, rest = text.partition(" ")
    return zone.partition("=")[2], rest.strip()


def _fields(expression: str) -> str:
    return " ".join(_NAMED.get(expression, expression).split()).replace("?", "*")


def _zone(name: str) -> tzinfo:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise InvalidCron(f"{name!r} is no time zone", hint=_HINT) from exc


def _period(expression: str) -> timedelta:
    """Return what ``@every`` says in whole seconds, at least one."""
    return timedelta(seconds=max(1, int(_seconds(expression))))


def _seconds(expression: str) -> float:
    text = expression.removeprefix(_EVERY).strip()
    try:
        seconds = parse_duration(text)
    except InvalidDuration as exc:
        raise InvalidCron(f"{text!r} is no duration", hint=_HINT) from exc
    if seconds <= 0:
        raise InvalidCron("the duration is zero", hint=_HINT)
    return seconds


def _check_fields(expression: str) -> None:
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise InvalidCron(f"it has {len(fields)} fields, not {_FIELDS}", hint=_HINT)
    try:
        CronSim(_fields(expression), _ANY_TIME)
    except CronSimError as exc:
        raise InvalidCron(str(exc).lower() or "it cannot be read", hint=_HINT) from exc
