from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner.model.entry import Attributes
from runner.store.files import mtimes
from runner.store.files.names import NAME_MAX_BYTES, folded, odd_element, odd_key, read_back, spell

_TRICKY = st.sampled_from(["", ".", "..", "/", "%", "%~", "%+", "%=", "%25", "a", "A", "ä", "Ä", "\0", "~", "=", " "])
KEYS = st.lists(st.one_of(_TRICKY, st.text(max_size=3)), max_size=12).map("".join).map(str.encode)


@given(KEYS)
@example(b"a" * 600)
@example("ä".encode() * 400)
def test_any_key_reads_back_from_its_spelling(key):
    assert read_back(spell(key)) == key
    assert read_back(spell(key, forced_from=0)) == key
    assert read_back(spell(key, forced_from=key.count(b"/"))) == key


@given(KEYS)
@example(b"%" * 1024)
def test_any_folder_can_hold_a_spelling(key):
    for path in (spell(key), spell(key, forced_from=0)):
        for element in path.split(b"/"):
            assert 0 < len(element) <= NAME_MAX_BYTES
            assert element not in {b".", b".."}
            assert b"\0" not in element


@given(KEYS)
def test_a_key_that_a_folder_holds_exactly_is_not_changed(key):
    if not odd_key(key):
        assert spell(key) == read_back(key) == key


@given(KEYS, KEYS)
def test_two_keys_never_have_one_path_or_one_inside_the_other(one, other):
    """As files: whatever is also a folder for the other has its file's name forced, as the planner does."""
    if one == other:
        return
    paths = []
    for key, against in ((one, other), (other, one)):
        is_folder = against.startswith(key + b"/")
        paths.append(spell(key, forced_from=key.count(b"/") if is_folder else None))
    assert paths[0] != paths[1]
    assert not paths[0].startswith(paths[1] + b"/")
    assert not paths[1].startswith(paths[0] + b"/")


@given(KEYS, KEYS)
def test_forced_spellings_differ_also_where_case_is_folded(one, other):
    if one != other:
        assert folded(spell(one, forced_from=0)) != folded(spell(other, forced_from=0))
        assert folded(spell(one, forced_from=0)) != folded(spell(other))


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (b"a//b", b"a/%~/b"),
        (b"a/", b"a/%~"),
        (b"../x", b"%~../x"),
        (b"a\0b", b"%~a%00b"),
        (b"%~a", b"%~%25~a"),
        (b"x" * 300, b"%~" + b"x" * 251 + b"%+/%~" + b"x" * 49),
    ],
)
def test_spellings_are_golden(key, path):
    assert spell(key) == path
    assert odd_key(key)


@pytest.mark.parametrize("name", [b"a b", b"a+b=c", "ü/ö".encode(), b"100%", b"%41", b"~", b"%~%", b".hidden"])
def test_ordinary_names_stay(name):
    assert not odd_key(name)
    assert not any(map(odd_element, name.split(b"/")))


@given(st.integers(-(10**20), 10**20))
def test_times_read_back(mtime_ns):
    assert mtimes.decode(Attributes(metadata={"mtime": mtimes.encode(mtime_ns)})) == mtime_ns


@pytest.mark.parametrize(
    ("mtime_ns", "text"),
    [(0, "0"), (1354040105123456789, "1354040105.123456789"), (1500000000, "1.5"), (-1, "-0.000000001")],
)
def test_times_have_the_form_of_rclone(mtime_ns, text):
    assert mtimes.encode(mtime_ns) == text


@pytest.mark.parametrize("text", ["", "x", "1.", "1e9", "99999999999999", "٣"])
def test_a_time_that_makes_no_sense_is_none(text):
    assert mtimes.decode(Attributes(metadata={"mtime": text})) is None
