import hashlib
import itertools
from dataclasses import replace

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.job.datums import Datum, Datums, InputNotSupported, Member, plan_datums
from runner.model.ids import CommitId
from runner.model.job import JobInput
from runner.model.pipeline import CompositeInput, CompositeKind, CronInput, PfsInput, Pipeline, Transform
from runner.store.files.paths import Match

COMMIT = CommitId("0" * 12 + "4" + "a" * 19)
LETTERS = st.text("ab", min_size=1, max_size=2)


def leaf(name: str, glob: str = "/*", **fields) -> PfsInput:
    return PfsInput(name, "default", fields.pop("repo", name), "master", glob, **fields)


def matches(*paths: str) -> list[Match]:
    return [Match(path, path.encode(), 1, 1) for path in paths]


def plan(node, found: dict[str, list[str]], *, weights: dict[str, int] | None = None) -> Datums:
    """Plan over *found*, paths by name of input, in their order; buckets hold as many objects as *weights* says."""
    pipeline = Pipeline("default", "p", Transform(("true",)), node)
    inputs = [JobInput(each.name, "default", each.repo, "master", COMMIT) for each in pipeline.leaves()]

    async def find(given, glob):
        return [match for match in matches(*found[given.name]) if glob.match(match.path)]

    def weigh(given):
        objects = (weights or {}).get(given.name, 1)
        return Match("/", given.repo.encode(), objects, objects)

    return trio.run(plan_datums, pipeline, inputs, find, weigh)


def paths(datums: Datums) -> list[tuple[str, ...]]:
    return [tuple(f"{member.input.name}{member.path}" for member in datum.members) for datum in datums]


def test_a_bucket_alone_is_one_datum():
    assert paths(plan(leaf("lab", "/", s3=True), {})) == [("lab/",)]


def test_an_empty_bucket_leaves_nothing_to_do():
    assert paths(plan(leaf("lab", "/", s3=True), {}, weights={"lab": 0})) == []
    crossed = CompositeInput(CompositeKind.CROSS, (leaf("a"), leaf("lab", "/", s3=True)))
    assert paths(plan(crossed, {"a": ["/x"]}, weights={"lab": 0})) == []


def test_each_match_is_a_datum_and_a_clock_gives_its_ticks():
    assert paths(plan(leaf("a", "/*.csv"), {"a": ["/1.csv", "/2.txt", "/3.csv"]})) == [("a/1.csv",), ("a/3.csv",)]
    assert paths(plan(CronInput("tick", "default", "p_tick", "@daily"), {"tick": ["/now"]})) == [("tick/now",)]


def test_a_cross_of_a_bucket_and_files_is_a_datum_for_each_file():
    crossed = CompositeInput(CompositeKind.CROSS, (leaf("lab", "/", s3=True), leaf("params")))
    datums = plan(crossed, {"params": ["/p1", "/p2"]})
    assert paths(datums) == [("lab/", "params/p1"), ("lab/", "params/p2")]
    assert len(datums) == 2


@given(st.lists(st.lists(LETTERS, unique=True, max_size=4), min_size=1, max_size=4))
def test_a_cross_is_the_product_with_the_first_child_outermost(names):
    found = {str(at): [f"/{name}" for name in each] for at, each in enumerate(names)}
    crossed = CompositeInput(CompositeKind.CROSS, tuple(leaf(name) for name in found))
    datums = plan(crossed, found)
    expected = [tuple(f"{at}{path}" for at, path in enumerate(chosen)) for chosen in itertools.product(*found.values())]
    assert paths(datums) == expected
    assert len(datums) == len(expected)


def test_a_union_is_one_after_the_other_and_the_same_datum_once():
    shared = CompositeInput(CompositeKind.UNION, (leaf("a", repo="r"), leaf("a", "/x", repo="r"), leaf("b")))
    assert paths(plan(shared, {"a": ["/x", "/y"], "b": ["/z"]})) == [("a/x",), ("a/y",), ("b/z",)]


def test_branches_of_a_union_that_share_a_name_keep_their_own_repos():
    node = CompositeInput(CompositeKind.UNION, (leaf("a", repo="one"), leaf("a", repo="two")))
    datums = plan(node, {"a": ["/x"]})
    assert [datum.members[0].input.repo for datum in datums] == ["one", "two"]


KEYED = st.lists(st.tuples(LETTERS, st.sampled_from("123")), unique=True, max_size=5)


@settings(max_examples=60)
@given(st.lists(st.tuples(KEYED, st.booleans()), min_size=1, max_size=3))
def test_a_join_crosses_what_shares_a_key_and_keeps_outer_ones(children):
    """Against a plain model: for each key in order, the product of those that have it."""
    found = {str(at): [f"/{key}-{n}" for key, n in sorted(files)] for at, (files, _) in enumerate(children)}
    node = CompositeInput(
        CompositeKind.JOIN,
        tuple(leaf(str(at), "/(*)-(?)", join_on="$1", outer_join=outer) for at, (_, outer) in enumerate(children)),
    )
    expected = []
    for key in sorted({path[1:].split("-")[0] for each in found.values() for path in each}):
        pools = [[f"{at}{path}" for path in each if path[1:].split("-")[0] == key] for at, each in found.items()]
        if not all(pools):
            pools = [pool for pool, (_, outer) in zip(pools, children, strict=True) if pool and outer]
        expected += itertools.product(*pools) if pools else []
    assert paths(plan(node, found)) == expected


@settings(max_examples=60)
@given(st.lists(KEYED, min_size=1, max_size=3))
def test_a_group_is_one_datum_for_each_key_with_all_that_have_it(children):
    found = {str(at): [f"/{key}-{n}" for key, n in sorted(files)] for at, files in enumerate(children)}
    node = CompositeInput(CompositeKind.GROUP, tuple(leaf(name, "/(*)-(?)", group_by="$1") for name in found))
    files = [f"{name}{path}" for name, each in found.items() for path in each]
    keys = sorted({file[2:].split("-")[0] for file in files})
    expected = [tuple(file for file in files if file[2:].split("-")[0] == key) for key in keys]
    assert paths(plan(node, found)) == expected


def test_without_a_template_everything_shares_the_empty_key():
    node = CompositeInput(CompositeKind.GROUP, (leaf("a"), leaf("b")))
    assert paths(plan(node, {"a": ["/x", "/y"], "b": ["/z"]})) == [("a/x", "a/y", "b/z")]


def test_members_know_the_keys_that_brought_them_together():
    node = CompositeInput(CompositeKind.JOIN, (leaf("a", "/(*).x", join_on="$1"), leaf("b", "/(*).y", join_on="$1")))
    (datum,) = plan(node, {"a": ["/k.x"], "b": ["/k.y"]})
    assert [member.join_on for member in datum.members] == ["k", "k"]


def test_composites_nest():
    """A group over a join takes the join's members one by one, each once."""
    join = CompositeInput(
        CompositeKind.JOIN,
        (
            leaf("a", "/(*)-*", join_on="$1", group_by="all"),
            leaf("b", "/(*)-*", join_on="$1", group_by="all"),
        ),
    )
    node = CompositeInput(CompositeKind.CROSS, (CompositeInput(CompositeKind.GROUP, (join,)), leaf("c")))
    assert paths(plan(node, {"a": ["/k-1", "/k-2"], "b": ["/k-3"], "c": ["/z"]})) == [
        ("a/k-1", "b/k-3", "a/k-2", "c/z")
    ]


def test_the_id_is_pachyderms(job_input):
    digest = hashlib.blake2b(digest_size=32)
    for text in (b"labresults", b"labresults", b"master", b"/dir/"):
        digest.update(text + len(text).to_bytes(8, "big"))
    assert Datum((Member(job_input, "/dir/"),)).id == digest.hexdigest()


def test_a_datum_is_the_same_while_its_files_its_keys_and_its_code_are(job_input):
    one = Datum((Member(job_input, "/a", digest=b"1"),))
    assert one.hash(b"code") == Datum((Member(job_input, "/a", digest=b"1"),)).hash(b"code")
    others = [
        one.hash(b"other"),
        Datum((Member(job_input, "/a", digest=b"2"),)).hash(b"code"),
        Datum((Member(job_input, "/b", digest=b"1"),)).hash(b"code"),
        Datum((Member(job_input, "/a", "k", digest=b"1"),)).hash(b"code"),
    ]
    assert one.hash(b"code") not in others
    assert len(set(others)) == len(others)


def test_what_an_input_is_only_a_reference_to_does_not_make_a_datum_another():
    node = leaf("a", reference=True)
    (datum,) = plan(node, {"a": ["/x"]})
    assert datum.members[0].digest == b""


def test_a_pipeline_without_an_input_has_no_datums():
    with pytest.raises(InputNotSupported):
        plan(replace(Pipeline("default", "p", Transform(("true",)), None)).input, {})
