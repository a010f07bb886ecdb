import pytest

from runner.job.sentences import LastWords, command_name, failure, how_it_ended
from runner.model.job import ProcessExit

TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "app.py", line 41, in <module>',
    "    row['ward_code']",
    "KeyError: 'ward_code'",
]


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ([], ""),
        ([("stdout", ["one", "two", ""])], "two"),
        ([("stderr", ["oh no"]), ("stdout", ["bye"])], "oh no"),
        ([("stderr", TRACEBACK), ("stderr", ["cleaning up"])], "KeyError: 'ward_code'"),
        ([("stderr", TRACEBACK[:2]), ("stdout", ["between"]), ("stderr", TRACEBACK[2:])], "KeyError: 'ward_code'"),
    ],
)
def test_the_line_that_most_likely_says_why(heard, words):
    last = LastWords()
    for stream, lines in heard:
        last.hear(stream, lines)
    assert str(last) == words


def test_a_long_line_does_not_fill_the_screen():
    last = LastWords()
    last.hear("stderr", ["x" * 100_000])
    assert len(str(last)) == 300


def test_one_sentence_says_it_all():
    end = how_it_ended(ProcessExit(1, None))
    sentence = failure(("python3", "app.py"), end, number=3, tries=3, words="KeyError: 'ward_code'")
    assert sentence == "python3 app.py exited 1 on try 3 of 3: KeyError: 'ward_code'"


@pytest.mark.parametrize(
    ("number", "text"), [(9, "was killed by SIGKILL"), (11, "died of SIGSEGV"), (50, "died of signal 50")]
)
def test_signals_have_their_names(number, text):
    assert how_it_ended(ProcessExit(None, number)) == text


def test_a_command_is_quoted_as_one_would_type_it():
    assert command_name(("sh", "-c", "a b")) == "sh -c 'a b'"
    assert len(command_name(("x" * 200,))) == 60
