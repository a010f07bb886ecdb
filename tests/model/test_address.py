import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.model import address
from runner.model.address import Address

names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
paths = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(
    lambda path: not path.startswith("/")
)


@given(names, names, st.integers(0, 5), st.integers(0, 5), paths)
def test_an_address_that_is_printed_reads_back_the_same(repo, revision, back, nth, path):
    for written in (Address("default", repo, revision, back, path), Address("default", repo, revision, 0, path, nth)):
        assert address.parse(str(written)) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("labresults", Address("p", "labresults")),
        ("labresults@master", Address("p", "labresults", "master")),
        ("labresults@master^", Address("p", "labresults", "master", 1)),
        ("labresults@master^^", Address("p", "labresults", "master", 2)),
        ("labresults@master^3~2", Address("p", "labresults", "master", 5)),
        ("labresults@master:/a/b", Address("p", "labresults", "master", 0, "a/b")),
        ("labresults@master:a:b@c", Address("p", "labresults", "master", 0, "a:b@c")),
        ("labresults@master.3", Address("p", "labresults", "master", nth=3)),
        ("labresults@master.12:/a", Address("p", "labresults", "master", path="a", nth=12)),
        ("labresults:/", Address("p", "labresults", "", 0, "")),
    ],
)
def test_every_form_of_an_address_is_read(text, expected):
    assert address.parse(text, project="p") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@master",
        "a b",
        "repo@",
        "repo@a/b",
        "repo@^",
        "répo",
        "repo@m@n",
        "repo@m.0",
        "repo@m.x",
        "repo@m.1^",
        "repo@m^1.1",
        f"repo@m^{'9' * 5000}",
        f"repo@m.{'9' * 5000}",
    ],
)
def test_what_is_no_address_is_refused_with_the_forms_that_are(text):
    with pytest.raises(address.InvalidAddress) as refused:
        address.parse(text)
    assert "repo@branch" in refused.value.hint


def test_bytes_that_are_no_text_are_no_address():
    with pytest.raises(address.InvalidAddress) as refused:
        address.parse(b"repo@master:/\xff".decode(errors="surrogateescape"))
    refused.value.message.encode()


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a/b", "ü", "deadbeef0123", "0" * 32])
def test_a_name_that_would_be_read_as_something_else_is_refused(name):
    with pytest.raises(address.InvalidName):
        address.check_name("branch", name)


@pytest.mark.parametrize("name", ["master", "A-b_9", "deadbeef", "0123456789abcdefg"])
def test_other_names_are_allowed(name):
    assert address.check_name("branch", name) == name
