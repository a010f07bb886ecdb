import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.spec import globs
from runner.spec.globs import GlobTooSlow, InvalidGlob, clean_glob, compile_glob, quote


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("/", ["/"], ["/a", "/a/"]),
        ("/*", ["/a", "/a/", "/.hidden", "/ü b"], ["/", "/a/b"]),
        ("/*/*", ["/a/b", "/a/b/"], ["/a", "/a/b/c"]),
        ("/**", ["/a", "/a/", "/a/b/c", "/a\nb"], ["/"]),
        ("/a/**/b", ["/a/x/b", "/a/x/y/b"], ["/a/b"]),
        ("/?.csv", ["/a.csv"], ["/ab.csv", "/.csv"]),
        ("/[abc]", ["/a", "/c"], ["/d", "/ab"]),
        ("/[a-c]", ["/b"], ["/d", "/-"]),
        ("/[a-]", ["/a", "/-"], ["/b"]),
        ("/[!a]", ["/b"], ["/a"]),
        ("/[^a]", ["/b"], ["/a"]),
        ("/[a!b]", ["/c"], ["/a", "/b"]),
        (r"/[\]\\]", ["/]", "/\\"], ["/a"]),
        ("/[[:digit:]]", ["/7"], ["/a", "/٣"]),
        ("/[[:upper:]x-z]", ["/A", "/y"], ["/a"]),
        ("/{a,b*}.csv", ["/a.csv", "/bcd.csv"], ["/c.csv", "/{a,b*}.csv"]),
        ("/{a,{b,c}}", ["/a", "/b", "/c"], ["/d"]),
        ("/(a|b)", ["/a", "/b"], ["/ab", "/c"]),
        ("/@(a|b)", ["/a"], ["/ab"]),
        ("/*(a|b)x", ["/x", "/abx"], ["/cx"]),
        ("/+(ab)", ["/ab", "/abab"], ["/", "/a"]),
        ("/a?(b)", ["/a", "/ab"], ["/abb"]),
        ("/!(a)", ["/b", "/ab"], ["/a"]),
        ("/!(a).csv", ["/b.csv"], ["/a.csv"]),
        (r"/\*", ["/*"], ["/a"]),
        ("/a)", ["/a)"], ["/a"]),
        ("/a,b|c}", ["/a,b|c}"], ["/a"]),
        ("/a+b@c!d^e", ["/a+b@c!d^e"], ["/ab"]),
        ("/a.b$", ["/a.b$"], ["/axb$"]),
        ("/A", ["/A"], ["/a"]),
    ],
)
def test_a_glob_matches_whole_paths(glob, matching, others):
    compiled = compile_glob(glob)
    assert [path for path in (*matching, *others) if compiled.match(path)] == matching


@pytest.mark.parametrize(
    ("glob", "offset", "why"),
    [
        ("/[ab", 1, "no closing ]"),
        ("/[]", 1, "holds no character"),
        ("/[!]", 1, "holds no character"),
        ("/[c-a]", 1, "runs backwards"),
        ("/[[:nope:]]", 2, "no class of characters"),
        ("/{a,b", 1, "no closing }"),
        ("/x(a|b", 2, r"no closing \)"),
        ("/^(a)", 1, "not a group"),
        ("/a\\", 2, "ends with a backslash"),
        ("/" + "(" * 40, 33, "nested deeper"),
        ("x" * 5000, 4096, "more than 4096"),
    ],
)
def test_a_bad_glob_says_where_and_why(glob, offset, why):
    with pytest.raises(InvalidGlob, match=why) as caught:
        compile_glob(glob)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("foo/", "/foo"),
        ("foo", "/foo"),
        ("//", "/"),
        (".", "/"),
        ("/", "/"),
        ("", ""),
        ("/a//b/", "/a/b"),
        ("//a", "/a"),
    ],
)
def test_globs_are_cleaned(text, cleaned):
    assert clean_glob(text) == cleaned


def test_captures_count_from_the_left():
    glob = compile_glob("/(*)-((a|b)c)/{x,y}.(csv|txt)")
    assert glob.captures == 4
    assert glob.match("/7-bc/x.csv") == ("/7-bc/x.csv", "7", "bc", "b", "csv")


@pytest.mark.parametrize(
    ("template", "expanded"),
    [("$1", "7"), ("${2}x", "abx"), ("$2-$1", "ab-7"), ("$0", "/7/ab"), ("$9", ""), ("$$1", "$1"), ("$01", "$01"),
     ("$", "$"), ("$x", "$x"), ("${1", "${1"), ("", ""), ("plain", "plain")],
)  # fmt: skip
def test_templates_take_captures(template, expanded):
    assert compile_glob("/(*)/(*)").expand("/7/ab/", template) == expanded


def test_a_glob_that_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(globs, "MATCH_LIMIT_SECONDS", 0.1)
    glob = compile_glob("/*(*(*(a)))b")
    started = time.monotonic()
    with pytest.raises(GlobTooSlow):
        glob.match("/" + "a" * 5000)
    assert time.monotonic() - started < 5


segments = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda segment: segment not in (".", "..")
)


@given(st.lists(segments, min_size=1, max_size=4), segments)
def test_a_quoted_path_matches_itself_alone(parts, other):
    path = "/" + "/".join(parts)
    glob = compile_glob("/" + "/".join(map(quote, parts)))
    assert glob.match(path)
    assert glob.match(f"{path}/{other}") is None


@given(st.text(max_size=30), st.text(max_size=10))
def test_any_text_is_a_glob_or_a_clear_error(text, path):
    try:
        compile_glob(text).match(path)
    except InvalidGlob as error:
        assert 0 <= error.offset <= len(text)  # noqa: PT017 -- both ends are good
