from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cluster.names import NAME_LIMIT, base_name, label_value, with_digest

_part = st.one_of(
    st.from_regex(r"\A[a-zA-Z0-9][a-zA-Z0-9_-]{0,50}\Z"),
    st.from_regex(r"\A[aA1]([ab]|-|_){0,3}\Z"),  # short ones, which meet
)
_pair = st.tuples(_part, _part)


@given(_pair)
def test_a_name_is_a_label_with_room_for_a_digest(pair):
    name = base_name(*pair)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= NAME_LIMIT
    assert len(with_digest(name, {"a": 1})) <= 63


@given(_pair, _pair)
def test_two_pipelines_have_two_names(first, second):
    assert first == second or base_name(*first) != base_name(*second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("default", "my_edges"), ("default", "my-edges")),
        (("default", "Edges"), ("default", "edges")),
        (("a-b", "c"), ("a", "b-c")),
        (("default", "edges_"), ("default", "edges")),
        (("default", "x" * 51), ("default", "x" * 51 + "y")),
        (("1", "a"), ("p-1", "a")),
    ],
)
def test_pairs_that_look_alike_are_told_apart(first, second):
    assert base_name(*first) != base_name(*second)


def test_a_name_that_ends_like_a_digest_cannot_be_another_s():
    changed = base_name("default", "my_edges")
    assert base_name("default", changed.removeprefix("default-")) != changed


def test_a_plain_name_stays_as_it_is():
    assert base_name("default", "edges") == "default-edges"
    assert base_name("vision", "edge-detect") == "vision-edge-detect"
    assert base_name("default", "my_edges").startswith("default-my-edges-")


@given(st.text(max_size=100))
def test_a_label_value_is_one(text):
    assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", label_value(text))


@given(st.from_regex(r"\A[a-c_]{1,3}\Z"), st.from_regex(r"\A[a-c_]{1,3}\Z"))
def test_different_texts_are_different_label_values(first, second):
    assert first == second or label_value(first) != label_value(second)
