from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.spec.cron import InvalidCron, check_cron, latest_ticks, next_tick


@pytest.mark.parametrize(
    "text",
    ["0 6 * * *", "*/5 * * * *", "0 0 1 JAN MON-FRI", "0 6 ? * 1", "@every 60s", "@every 1h30m", "@daily", "@never",
     "@hourly", "CRON_TZ=Europe/Berlin 0 6 * * *", "TZ=UTC @daily"],
)  # fmt: skip
def test_pachyderms_clocks_are_read(text):
    check_cron(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [("* * *", "it has 3 fields, not 5"), ("* * * * * *", "it has 6 fields"), ("61 * * * *", ""), ("@every", ""),
     ("@every 5", "is no duration"), ("@every 0s", "the duration is zero"), ("@sometimes", ""), ("", "it has 0 fields"),
     ("TZ=Mars/Base 0 6 * * *", "is no time zone"), ("TZ=../../etc/passwd 0 6 * * *", "is no time zone")],
)  # fmt: skip
def test_bad_clocks_are_refused(text, why):
    with pytest.raises(InvalidCron) as caught:
        check_cron(text)
    assert why in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_clock_or_a_clear_error(text):
    try:
        check_cron(text)
    except InvalidCron as error:
        assert error.hint  # noqa: PT017 -- both ends are good


NOON = datetime(2026, 11, 22, 12, 0, 30, 500_000, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("0 6 * * *", "2026-11-23T06:00:00"),
        ("*/15 * * * *", "2026-11-22T12:15:00"),
        ("@hourly", "2026-11-22T13:00:00"),
        ("@daily", "2026-11-23T00:00:00"),
        ("@weekly", "2026-11-29T00:00:00"),
        ("@monthly", "2026-12-01T00:00:00"),
        ("@yearly", "2027-01-01T00:00:00"),
        ("@every 90s", "2026-11-22T12:02:00"),
        ("@every 0.1s", "2026-11-22T12:00:31"),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "2026-11-23T05:00:00"),
        ("TZ=America/New_York @daily", "2026-11-23T05:00:00"),
        ("0 6 ? * MON", "2026-11-23T06:00:00"),
    ],
)
def test_the_next_tick(text, following):
    assert next_tick(text, NOON) == datetime.fromisoformat(following).replace(tzinfo=UTC)


def test_never_ticks_never():
    assert next_tick("@never", NOON) is None
    assert latest_ticks("@never", NOON, NOON + timedelta(days=900), 10) == []


@pytest.mark.parametrize("text", ["0 * * * *", "@hourly", "@every 1h", "CRON_TZ=Asia/Kolkata 30 * * * *"])
@pytest.mark.parametrize("hours", [0, 1, 7, 50_000])
def test_the_latest_ticks_are_those_that_one_meets_one_by_one(text, hours):
    begin = NOON.replace(minute=0, second=0, microsecond=0)
    until = begin + timedelta(hours=hours, minutes=20)
    found = latest_ticks(text, begin, until, 5)
    assert found == [begin + timedelta(hours=hour) for hour in range(max(1, hours - 4), hours + 1)]
    if found:
        assert next_tick(text, found[-1]) == until.replace(minute=0) + timedelta(hours=1)


def test_a_tick_is_due_in_its_very_second_and_not_before_it():
    begin = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert latest_ticks("0 13 * * *", begin, begin + timedelta(hours=1), 5) == [begin + timedelta(hours=1)]
    assert latest_ticks("0 13 * * *", begin, begin + timedelta(hours=1) - second, 5) == []
    assert latest_ticks("0 12 * * *", begin, begin + timedelta(hours=1), 5) == []
