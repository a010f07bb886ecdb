"""What is printed reads back as it was, also by a reader of YAML 1.1, which kubectl is."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cluster.request import Topology
from runner.cluster.text import as_list, as_yaml
from tests.cluster.pipelines import REQUESTS, rendered

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_values = st.recursive(
    st.booleans() | st.integers(-(2**31), 2**31) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
)


@given(st.lists(st.dictionaries(_text, _values, max_size=4), min_size=1, max_size=3))
@settings(deadline=None)
def test_any_manifests_read_back(manifests):
    assert list(yaml.safe_load_all(as_yaml(manifests))) == manifests


@pytest.mark.parametrize(
    "text",
    [
        *("on", "Off", "yes", "NO", "y", "n", "true", "False", "null", "~", "", " ", "-", "---", "...", "=", "<<"),
        *("1", "0x10", "010", "1_000", "1e3", ".5", ".inf", ".NaN", "12:30:45", "1:2", "2026-11-27", "0b1", "0o7"),
        *("a: b", "a #b", "a:", "#a", "&a", "*a", "!a", "%a", "@a", "`a", "[a", "{a", "- a", "? a", "| a", "> a"),
        *("a\nb", "a\n", "\na", "a \nb", " a\nb", "a\tb\nc", "a\r\nb", "\u2028", "\ufeff", "\x85", "\x7f", "é", "😀"),
        *("'", '"', "\\", '\\"', 'a\'b: "c"', "$$(A)", "\x00", "\x1b[31m", "a\n\n\n", "a\n  b\n"),
    ],
)
def test_texts_that_look_like_something_else_stay_text(text):
    manifest = {"metadata": {"labels": {text: text}}, "list": [text]}
    assert list(yaml.safe_load_all(as_yaml([manifest]))) == [manifest]
    assert json.loads(as_list([manifest]))["items"] == [manifest]


def test_lines_stay_lines():
    text = as_yaml([{"data": {"spec.yaml": "pipeline:\n  name: edges\n"}}])
    assert "spec.yaml: |\n    pipeline:\n      name: edges\n" in text


def test_fields_stand_in_the_order_that_people_know():
    for topology in Topology:
        for document in as_yaml(rendered(request=REQUESTS[topology]).manifests).split("---\n"):
            tops = [line.partition(":")[0] for line in document.splitlines() if line[:1] not in ("", " ")]
            assert tops[:3] == ["apiVersion", "kind", "metadata"]


def test_no_anchors_are_made_of_values_that_occur_twice():
    text = as_yaml(rendered({"metadata": {"labels": {"a": "b"}}}).manifests)
    assert "&id" not in text
    assert "*id" not in text
