"""Cron expressions as Pachyderm reads them: five fields, ``@every 60s``, ``@daily`` and ``@never``.

Source: https://pkg.go.dev/github.com/robfig/cron/v3#ParseStandard
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from runner.model.errors import Invalid
from runner.spec.durations import InvalidDuration, parse_duration

_NAMED = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@never"})
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
    zone, _, rest = text.partition(" ") if text.startswith(_ZONES) else ("", "", text)
    if zone:
        _check_zone(zone.partition("=")[2])
    expression = rest.strip()
    if expression.startswith(_EVERY):
        _check_every(expression.removeprefix(_EVERY).strip())
    elif expression not in _NAMED:
        _check_fields(expression)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise InvalidCron(f"{name!r} is no time zone", hint=_HINT) from exc


def _check_every(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except InvalidDuration as exc:
        raise InvalidCron(f"{text!r} is no duration", hint=_HINT) from exc
    if seconds <= 0:
        raise InvalidCron("the duration is zero", hint=_HINT)


def _check_fields(expression: str) -> None:
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise InvalidCron(f"it has {len(fields)} fields, not {_FIELDS}", hint=_HINT)
    try:
        CronSim(" ".join(fields).replace("?", "*"), _ANY_TIME)
    except CronSimError as exc:
        raise InvalidCron(str(exc).lower() or "it cannot be read", hint=_HINT) from exc
