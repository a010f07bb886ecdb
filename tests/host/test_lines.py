from hypothesis import given
from hypothesis import strategies as st

from runner.host.lines import CUT, LineSplitter
from runner.host.redact import MASK, Redactor


def split(chunks, *, secrets=(), limit=64 * 1024) -> list[str]:
    splitter = LineSplitter(Redactor(secrets), limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.close()


def chunked(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


sizes = st.lists(st.integers(0, 12), max_size=12)


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"))), sizes)
def test_lines_do_not_depend_on_how_they_arrive(lines, sizes):
    data = "".join(f"{line}\n" for line in lines).encode()
    assert split(chunked(data, sizes)) == lines


@given(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=200), sizes)
def test_a_long_line_is_cut_between_characters_and_loses_nothing(text, sizes):
    pieces = split([*chunked(text.encode(), sizes), b"\n"], limit=10)
    assert "".join(piece.removesuffix(CUT) for piece in pieces) == text
    assert all(len(piece.removesuffix(CUT).encode()) <= 10 for piece in pieces)


@given(st.binary(max_size=300), sizes)
def test_any_bytes_become_text(data, sizes):
    for line in split(chunked(data, sizes), limit=16):
        line.encode()


@given(st.integers(0, 60), sizes)
def test_a_secret_is_not_shown_wherever_the_cut_falls(before, sizes):
    data = b"x" * before + b"S3CRET" + b"y" * 40
    text = "".join(split(chunked(data, sizes), secrets=["S3CRET"], limit=16)).replace(CUT, "")
    assert text == "x" * before + MASK + "y" * 40


def test_a_progress_meter_is_its_last_form():
    assert split([b"1%\r50%\r", b"100%\r\ndone\n"]) == ["100%", "done"]


def test_a_long_progress_meter_stays_one_line():
    assert split([b"%d%%\r" % n for n in range(100)] + [b"100%\n"], limit=16) == ["100%"]


def test_the_last_line_needs_no_newline():
    assert split([b"a\nb"]) == ["a", "b"]
