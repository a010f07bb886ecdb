from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.conditions import (
    Verdict,
    etags,
    http_date,
    is_range_current,
    judge_read,
    parse_http_date,
    write_condition,
)
from runner.gateway.errors import S3Error
from runner.model.entry import Condition, Entry

MODIFIED = datetime(2026, 3, 1, 12, 0, 0, 750_000, tzinfo=UTC)
ENTRY = Entry(b"k", 1, "abc", b"", MODIFIED)
AT = http_date(MODIFIED)
BEFORE, AFTER = http_date(MODIFIED - timedelta(seconds=1)), http_date(MODIFIED + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, Verdict.PASSED),
        ({"if-match": '"abc"'}, Verdict.PASSED),
        ({"if-match": "abc"}, Verdict.PASSED),
        ({"if-match": '"x", "abc"'}, Verdict.PASSED),
        ({"if-match": "*"}, Verdict.PASSED),
        ({"if-match": '"x"'}, Verdict.FAILED),
        ({"if-match": ""}, Verdict.FAILED),
        ({"if-none-match": '"x"'}, Verdict.PASSED),
        ({"if-none-match": '"abc"'}, Verdict.NOT_MODIFIED),
        ({"if-none-match": 'W/"abc"'}, Verdict.NOT_MODIFIED),
        ({"if-none-match": "*"}, Verdict.NOT_MODIFIED),
        ({"if-modified-since": BEFORE}, Verdict.PASSED),
        ({"if-modified-since": AT}, Verdict.NOT_MODIFIED),
        ({"if-modified-since": AFTER}, Verdict.NOT_MODIFIED),
        ({"if-modified-since": "yesterday"}, Verdict.PASSED),
        ({"if-unmodified-since": BEFORE}, Verdict.FAILED),
        ({"if-unmodified-since": AT}, Verdict.PASSED),
        ({"if-unmodified-since": ""}, Verdict.PASSED),
        ({"if-match": '"abc"', "if-unmodified-since": BEFORE}, Verdict.PASSED),
        ({"if-none-match": '"x"', "if-modified-since": AFTER}, Verdict.PASSED),
        ({"if-match": '"x"', "if-none-match": '"abc"'}, Verdict.FAILED),
    ],
)
def test_a_read_is_judged_as_rfc_9110_orders_its_conditions(headers: dict[str, str], verdict: Verdict) -> None:
    assert judge_read(headers, ENTRY) is verdict
    prefixed = {f"x-amz-copy-source-{name}": value for name, value in headers.items()}
    assert judge_read(prefixed, ENTRY, "x-amz-copy-source-") is verdict
    assert judge_read(prefixed, ENTRY) is Verdict.PASSED


@pytest.mark.parametrize(
    ("headers", "is_current"),
    [
        ({}, True),
        ({"if-range": '"abc"'}, True),
        ({"if-range": '"x"'}, False),
        ({"if-range": AT}, True),
        ({"if-range": AFTER}, False),
    ],
)
def test_a_range_applies_only_to_the_object_that_it_was_meant_for(headers: dict[str, str], is_current: bool) -> None:  # noqa: FBT001
    assert is_range_current(headers, ENTRY) is is_current


def test_a_write_names_its_tags_without_quotes() -> None:
    assert write_condition({"if-match": '"a"', "if-none-match": "*"}) == Condition(("a",), ("*",))
    assert write_condition({}) == Condition()


@pytest.mark.parametrize("header", ["", '""', " , "])
def test_a_write_condition_without_any_tag_is_refused_rather_than_dropped(header: str) -> None:
    with pytest.raises(S3Error) as caught:
        write_condition({"if-none-match": header})
    assert caught.value.code == "InvalidArgument"


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none_and_any_tags(text: str) -> None:
    moment = parse_http_date(text)
    assert moment is None or moment.tzinfo is not None
    assert all(etags(text))


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # zones are given
def test_dates_come_back_to_the_second(moment: datetime) -> None:
    assert parse_http_date(http_date(moment)) == moment.replace(microsecond=0)
