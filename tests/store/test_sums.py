"""What the sum of a row sees for certain, whatever else is in the row."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from runner.store.catalog.sums import crc_of

columns = st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(), st.binary(), st.floats()))
bursts = st.integers(1, 2**32 - 1)


def differ(before: list[object], values: tuple[object, object], after: list[object]) -> bool:
    """Tell whether the sums of rows do, which differ in one column."""
    one, other = (crc_of([*before, value, *after]) for value in values)
    return one != other


def damaged(data: bytes, burst: int, at: int) -> bytes:
    """Change bits of *data* within 32 of them that follow each other."""
    whole = int.from_bytes(data, "little") ^ burst << at
    return (whole & (1 << 8 * len(data)) - 1).to_bytes(len(data), "little")


@given(columns, st.binary(min_size=4, max_size=200), bursts, st.data(), columns)
def test_damage_of_bytes_within_32_bits_is_seen(before, value, burst, data, after):
    at = data.draw(st.integers(0, 8 * len(value) - 32))
    assert differ(before, (value, damaged(value, burst, at)), after)


@given(columns, st.text(min_size=1), st.data(), columns)
def test_another_character_of_the_same_size_is_seen(before, value, data, after):
    at = data.draw(st.integers(0, len(value) - 1))
    size = len(value[at].encode())
    others = st.characters().filter(lambda each: each != value[at] and len(each.encode()) == size)
    assert differ(before, (value, value[:at] + data.draw(others) + value[at + 1 :]), after)


@given(columns, st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), columns)
def test_any_damage_of_a_number_of_32_bits_is_seen(before, value, other, after):
    assert value == other or differ(before, (value, other), after)


@given(columns, st.integers(2**45, 2**60 - 1), st.integers(1, 2**16 - 1), st.integers(0, 29), columns)
def test_damage_of_a_larger_number_within_16_bits_is_seen(before, value, burst, at, after):
    assert differ(before, (value, value ^ burst << at), after)


@given(columns, st.floats(allow_nan=False), bursts, st.integers(0, 32), columns)
def test_damage_of_a_fraction_within_32_bits_is_seen(before, value, burst, at, after):
    (other,) = struct.unpack("<d", damaged(struct.pack("<d", value), burst, at))
    assert differ(before, (value, other), after)
