import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from runner.cli.lines import as_json, as_plain, as_seen
from runner.cli.looks import Look

COLOURFUL = Look(is_terminal=True, columns=100, colour=True)
SYSTEM = {
    "ts": "2026-11-22T09:14:03.113204118Z",
    "level": "info",
    "event": "job.started",
    "message": "lab_summary@7c1e",
}
USER = {"ts": "2026-11-22T09:14:03.955Z", "level": "info", "user": True, "stream": "stderr", "message": "KeyError"}


def test_a_machine_gets_one_json_document_a_line():
    assert json.loads(as_json(SYSTEM | {"message": "ä\nb"}))["message"] == "ä\nb"
    assert "\n" not in as_json(SYSTEM | {"message": "a\nb"})


def test_a_json_line_is_one_line_for_every_reader_and_moves_no_cursor():
    message = "a\x85b\u2028c\u2029d\x9b2J\x1b[2J\r\0"
    line = as_json(USER | {"message": message})
    assert json.loads(line)["message"] == message
    assert line.splitlines() == [line]
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line)


def test_a_plain_line_has_clock_kind_event_and_text(monkeypatch):
    assert as_plain(SYSTEM)[8:] == ".113 info  job.started           lab_summary@7c1e"
    assert as_plain(USER)[8:] == ".955 err   KeyError"
    assert as_plain(USER | {"stream": "stdout"})[8:] == ".955 out   KeyError"
    assert as_plain(SYSTEM | {"level": "warning", "key": "a b"})[8:] == (
        ".113 warn  job.started           lab_summary@7c1e key=a b"
    )


def test_a_plain_line_is_one_line():
    assert "\n" not in as_plain(USER | {"message": "a\nb\x1b[2J"})


def test_a_person_sees_user_lines_and_trouble():
    look = Look(is_terminal=True)
    assert as_seen(USER, look) == "e KeyError"
    assert as_seen(USER | {"stream": "stdout"}, look) == "  KeyError"
    assert as_seen(SYSTEM, look) is None
    assert as_seen(SYSTEM | {"level": "warning"}, look) == "! lab_summary@7c1e"


def test_colours_of_the_user_code_pass_and_end_with_their_line():
    line = as_seen(USER | {"stream": "stdout", "message": "\x1b[31mred"}, COLOURFUL)
    assert line == "  \x1b[31mred\x1b[0m"
    assert as_seen(USER | {"message": "\x1b[31mred"}, replace(COLOURFUL, colour=False)) == "e red"


def test_a_line_that_was_overwritten_shows_its_last_form():
    assert as_seen(USER | {"stream": "stdout", "message": "10 %\r20 %\rdone\r"}, COLOURFUL) == "  done"


@given(st.text(st.sampled_from("ab\x1b[2JKm31;]0\x07\r\n\t\x9b")), st.booleans())
def test_nothing_moves_the_cursor(text, colour):
    line = as_seen(USER | {"message": text}, replace(COLOURFUL, colour=colour))
    rest = line
    while (at := rest.find("\x1b")) >= 0:
        assert colour
        end = rest.index("m", at)
        assert set(rest[at + 2 : end]) <= set("0123456789;:")
        rest = rest[end + 1 :]
    assert not set(line) & set("\r\n\x07\x9b")
