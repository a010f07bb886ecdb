from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.gateway.errors import S3Error
from runner.gateway.ranges import copied_range, part_number, part_range, requested_range
from runner.model.entry import Entry, Part
from tests.gateway.outcome import outcome


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-262144", (0, 10)),
        ("bytes=9-99999999999999999999", (9, 10)),
        ("Bytes=0-1", (0, 2)),
        (None, None),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("bytes= 1-2", None),
        ("bytes=\u0661-\u0662", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_a_range_header_of_a_ten_byte_object(header: str | None, expected: tuple[int, int] | None) -> None:
    assert requested_range(header, 10) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_a_range_without_any_byte_of_the_object_is_416_and_tells_the_size(header: str, size: int) -> None:
    with pytest.raises(S3Error) as caught:
        requested_range(header, size)
    assert (caught.value.code, caught.value.status) == ("InvalidRange", 416)
    assert caught.value.headers == {"Content-Range": f"bytes */{size}"}


@given(st.text(max_size=30) | st.from_regex(r"bytes=[0-9]*-[0-9]*", fullmatch=True), st.integers(0, 2**63))
def test_a_range_lies_in_the_object_whatever_was_sent(header: str, size: int) -> None:
    found, code = outcome(requested_range, header, size)
    assert code in ("", "InvalidRange")
    assert found is None or 0 <= found[0] < found[1] <= size


@given(st.binary(min_size=1, max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_selects_what_a_slice_does(data: bytes, first: int, last: int) -> None:
    found, code = outcome(requested_range, f"bytes={first}-{last}", len(data))
    start, end = found or (0, len(data))
    if code:
        assert len(data) <= first <= last
    else:
        assert data[start:end] == (data[first : last + 1] if first <= last else data)


@pytest.mark.parametrize(
    "header",
    [
        "0-2",
        "bytes=0",
        "bytes=hello-world",
        "bytes=0-bar",
        "bytes=hello-",
        "bytes=0-2,3-5",
        "bytes=2-1",
        "bytes=-5",
        "bytes=3-",
        "",
    ],
)
def test_a_copied_range_of_another_form_is_an_invalid_argument(header: str) -> None:
    with pytest.raises(S3Error) as caught:
        copied_range(header, 10)
    assert (caught.value.code, caught.value.status) == ("InvalidArgument", 400)


def test_a_copied_range_must_end_within_the_source() -> None:
    assert copied_range("bytes=0-9", 10) == (0, 10)
    with pytest.raises(S3Error) as caught:
        copied_range("bytes=0-21", 10)
    assert (caught.value.code, caught.value.status) == ("InvalidRange", 400)


@pytest.mark.parametrize("text", ["0", "-1", "10001", "NaN", "", "1.0", "99999999999999999999", "\u0661"])
def test_a_part_number_out_of_its_range_is_an_invalid_argument(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        part_number(text)
    assert caught.value.code == "InvalidArgument"


def entry(*sizes: int) -> Entry:
    parts = tuple(Part(number, size, "e") for number, size in enumerate(sizes, 1))
    return Entry(b"k", sum(sizes) or 7, "e", b"", datetime.now(UTC), parts=parts)


def test_parts_lie_one_after_the_other() -> None:
    assert [part_range(entry(5, 6, 1), number) for number in (1, 2, 3)] == [(0, 5), (5, 11), (11, 12)]


def test_an_object_put_at_once_is_its_first_part_and_has_no_second() -> None:
    assert part_range(entry(), 1) == (0, 7)
    for whole, number in ((entry(), 2), (entry(5, 6), 3)):
        with pytest.raises(S3Error) as caught:
            part_range(whole, number)
        assert (caught.value.code, caught.value.status) == ("InvalidPart", 400)
