import json

from hypothesis import given
from hypothesis import strategies as st

from runner.model import provenance

documents = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    ),
    max_size=4,
)


@given(documents)
def test_the_canonical_form_reads_back_and_does_not_depend_on_order(document):
    form = provenance.canonical(document)
    assert json.loads(form) == document
    assert provenance.canonical(dict(reversed(document.items()))) == form


def test_the_canonical_form_is_fixed():
    assert provenance.canonical({"b": [1, "ü"], "a": None}) == '{"a":null,"b":[1,"ü"]}'.encode()
