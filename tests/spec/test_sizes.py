import pytest

from runner.spec.sizes import InvalidSize, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("512", 512), ("100MB", 100_000_000), (" 2 GiB ", 2 << 30), ("1Ki", 1024), ("3tb", 3 * 10**12)],
)  # fmt: skip
def test_sizes_are_decimal_unless_they_say_otherwise(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1X", "1 2", "1e3", "1,000", "1iB", "0x10"])
def test_what_is_no_size(text):
    with pytest.raises(InvalidSize):
        parse_size(text)
