import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.spec.cron import InvalidCron, check_cron


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
