import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.spec.durations import InvalidDuration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300s", 300), ("1.5s", 1.5), ("5m", 300), ("1h30m", 5400), ("1h0.5m", 3630), ("250ms", 0.25), ("10us", 1e-5),
     ("10µs", 1e-5), (".5s", 0.5), ("2.s", 2), ("1ns", 1e-9)],
)  # fmt: skip
def test_seconds_and_go_style_are_read(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "m", "-5m", "1d", "5m ", "1e3s", "٣s", "." + "s", "9" * 60 + "h", "9" * 1000]
)
def test_other_forms_are_refused(text):
    with pytest.raises(InvalidDuration):
        parse_duration(text)


@given(st.integers(0, 10**15).map(lambda nanoseconds: nanoseconds / 10**9))
def test_a_written_duration_reads_as_itself(seconds):
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-9)


def test_protobufs_form_is_written():
    assert [format_duration(seconds) for seconds in (300.0, 1.5, 0.0, 1e-9)] == ["300s", "1.5s", "0s", "0.000000001s"]
