from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cli import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (0.42, "0.4s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (41, "41s"),
        (59.6, "1m 00s"),
        (62, "1m 02s"),
        (3599.9, "1h 00m"),
        (7500, "2h 05m"),
        (86_400 * 3 + 4 * 3600, "3d 04h"),
        (-1, "0.0s"),
    ],
)
def test_durations_have_two_units_at_most(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0s"), (5.4, "5s"), (59.9, "59s"), (62, "1m 02s")])
def test_a_time_that_grows_has_no_tenths(seconds, text):
    assert words.ticking(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (100_873_011, "96.2 MiB"),
        (1 << 60, "1024.0 PiB"),
    ],
)
def test_sizes_are_binary_with_one_decimal(size_bytes, text):
    assert words.size(size_bytes) == text


@given(st.integers(0, 1 << 55))
def test_a_size_is_at_most_ten_columns_wide(size_bytes):
    assert len(words.size(size_bytes)) <= len("1023.9 MiB")


@pytest.mark.parametrize(
    ("number", "thing", "text"),
    [(1, "object", "1 object"), (1310, "object", "1,310 objects"), (0, "entry", "0 entries"), (12345, "", "12,345")],
)
def test_counts_have_commas_and_agree_with_what_is_counted(number, thing, text):
    assert words.count(number, thing) == text


def test_a_clock_says_no_more_than_is_needed_in_the_readers_zone():
    now = datetime(2026, 11, 22, 10, 14, tzinfo=timezone(timedelta(hours=1)))
    assert words.clock(datetime(2026, 11, 22, 8, 41, tzinfo=UTC), now) == "09:41"
    assert words.clock(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), now) == "00:30"
    assert words.clock(datetime(2026, 11, 2, 8, 41, tzinfo=UTC), now) == "Nov 2 09:41"
    assert words.clock(datetime(2025, 11, 21, 8, 41, tzinfo=UTC), now) == "2025-11-21 09:41"


def test_times_in_documents_are_rfc_3339_in_utc():
    moment = datetime(2026, 11, 22, 10, 14, 3, 113204, tzinfo=timezone(timedelta(hours=1)))
    assert words.rfc3339(moment) == "2026-11-22T09:14:03.113204Z"


@given(st.text())
def test_foreign_text_cannot_move_a_cursor_or_turn_the_line_around(text):
    assert (
        words.visible(text).isprintable()
        or set(words.visible(text)) & {"\u00a0", "\u3000", "\u2009"}
        or all(char.isprintable() or char.isspace() for char in words.visible(text))
    )
    assert not set(words.visible(text)) & set("\x1b\r\n\x07\x00\u202e\u2066")


def test_keys_are_shown_as_text_even_when_they_are_not():
    assert words.key("ä b+=.csv".encode()) == "ä b+=.csv"
    assert words.key(b"a\xffb\x1b[2J") == r"a\xffb\x1b[2J"
