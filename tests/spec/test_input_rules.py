"""One test for each rule of inputs; I1 to I11 are Pachyderm's."""

import pytest

from runner.model.pipeline import CompositeInput
from tests.spec.specs import load_with, problems_in, problems_with, problems_with_input

S3 = {"pfs": {"repo": "data", "glob": "/", "s3": True}}
FILES = {"pfs": {"repo": "files", "glob": "/*"}}


def pfs(**fields):
    return {"pfs": {"repo": "data", "glob": "/*", **fields}}


def test_an_input_is_given():
    assert problems_with({"input": None}) == ["the spec has no input"]


def test_i1_a_repo_is_named():
    for repo in ("", None):
        assert problems_with_input(pfs(repo=repo)) == ["input.pfs names no repo"]


def test_i2_a_repo_named_out_needs_a_name():
    assert problems_with_input(pfs(repo="out")) == ['input.pfs.repo is "out"; an input cannot have that name']
    assert problems_with_input(pfs(repo="out", name="before")) == []


def test_i3_an_empty_branch_is_master():
    assert load_with({"input": pfs(branch="")}).pipeline.spec["input"]["pfs"]["branch"] == "master"
    assert len(problems_with_input(pfs(branch="a/b"))) == 1


def test_i4_files_have_a_glob():
    for glob in ("", None):
        assert problems_with_input(pfs(glob=glob)) == ["input.pfs has no glob"]


def test_i5_an_s3_input_takes_the_whole_repo():
    assert problems_with_input(pfs(s3=True)) == ['input.pfs.glob is "/*"; an S3 input takes the whole repo']
    assert problems_with_input(pfs(s3=True, glob=None)) == ["input.pfs has no glob; an S3 input takes the whole repo"]
    for glob in ("/", "//", "."):
        assert problems_with_input(pfs(s3=True, glob=glob)) == []


def test_i6_an_s3_input_is_not_lazy():
    assert problems_with_input(pfs(s3=True, glob="/", lazy=True)) == [
        "input.pfs.lazy is true; an S3 input is a bucket and has no pipes"
    ]


def test_i7_an_s3_input_has_no_empty_files():
    assert problems_with_input(pfs(s3=True, glob="/", empty_files=True)) == [
        "input.pfs.empty_files is true; an S3 input is a bucket and has no empty files"
    ]


def test_i8_a_commit_is_not_pinned_in_a_spec():
    assert problems_with_input(pfs(commit="abc")) == ["input.pfs.commit is given; each job pins the commit of its time"]


def test_i9_an_input_has_one_kind():
    assert problems_with_input({**FILES, "cross": [S3]}) == ["input is pfs and cross at once; an input has one kind"]


@pytest.mark.parametrize("kind", ["join", "group", "union"])
def test_i10_no_s3_input_stands_inside_join_group_or_union(kind):
    message = f"is true inside {kind}; an S3 input stands alone or in a cross"
    assert problems_with_input({kind: [FILES, S3]}) == [f"input.{kind}[1].pfs.s3 {message}"]
    assert problems_with_input({kind: [{"cross": [S3]}, FILES]}) == [f"input.{kind}[0].cross[0].pfs.s3 {message}"]


def test_i10_a_cross_may_hold_s3_inputs_beside_a_union_without_one():
    assert problems_with_input({"cross": [S3, {"union": [FILES]}]}) == []


def test_i11_something_is_set():
    kinds = "it must be one of pfs, cross, union, join, group, cron"
    for empty in ({}, {"cross": []}, {"pfs": None}):
        assert problems_with_input(empty) == [f"input is empty; {kinds}"]
    assert problems_with_input({"cross": [FILES, {}]}) == [f"input.cross[1] is empty; {kinds}"]


def test_i11_a_clock_can_be_read():
    assert problems_with_input({"cron": {"name": "tick", "spec": "@every 60s"}}) == []
    assert problems_with_input({"cron": {"name": "tick", "spec": "often"}}) == [
        'input.cron.spec is "often": it has 1 fields, not 5'
    ]
    assert problems_with_input({"cron": {}}) == ["input.cron has no name", "input.cron has no spec"]
    assert len(problems_with_input({"cron": {"name": "t", "spec": "@daily", "start": "yesterday"}})) == 1


@pytest.mark.parametrize("name", ["out", ".env", ".scratch"])
def test_some_names_are_taken(name):
    assert problems_with_input(pfs(name=name)) == [f'input.pfs.name is "{name}"; an input cannot have that name']


@pytest.mark.parametrize("name", ["a/b", "a=b", "a b", "a\tb", "..", "a\nb"])
def test_a_name_is_good_for_a_folder_and_a_variable(name):
    (message,) = problems_with_input(pfs(name=name))
    assert message.endswith("a folder and a variable get that name, so no /, = or space")


@pytest.mark.parametrize("name", ["PATH", "HOME", "S3_ENDPOINT", "AWS_REGION", "PACH_JOB_ID", "RUNNER_JOB_ID"])
def test_a_name_replaces_no_variable(name):
    assert problems_with_input(pfs(name=name)) == [
        f'input.pfs.name is "{name}"; the variable of that name would be replaced'
    ]


@pytest.mark.parametrize("name", ["ü", "a:b", "-a", ".a", "a" * 64])
def test_the_name_of_an_s3_input_is_a_bucket_name(name):
    (message,) = problems_with_input(pfs(name=name, s3=True, glob="/"))
    assert message.endswith("a bucket name has letters, digits, _ . and -, at most 63")
    assert problems_with_input(pfs(name=name)) == []


def test_a_folder_name_has_at_most_255_bytes():
    assert problems_with_input(pfs(name="ü" * 127)) == []
    assert len(problems_with_input(pfs(name="ü" * 128))) == 1


def test_two_inputs_have_two_names_also_when_they_are_the_repos():
    message = 'the name "data" is used by two inputs; each needs its own folder, bucket and variable'
    assert problems_with_input({"cross": [pfs(), pfs()]}) == [message]
    assert problems_with_input({"cross": [pfs(), {"cron": {"name": "data", "spec": "@daily"}}]}) == [message]


def test_members_of_a_union_share_a_name_that_nobody_else_may_have():
    union = {"union": [pfs(), pfs()]}
    message = 'the name "data" is used by two inputs; each needs its own folder, bucket and variable'
    assert problems_with_input(union) == []
    assert problems_with_input({"cross": [union, pfs()]}) == [message]
    assert problems_with_input({"cross": [pfs(), union]}) == [message, message]
    assert problems_with_input({"union": [{"cross": [pfs(), pfs()]}, pfs()]}) == [message]


def test_a_bad_glob_is_marked_at_its_character():
    text = "pipeline: {name: p}\ntransform: {cmd: [sh]}\ninput: {pfs: {repo: data, glob: '/(a|b'}}\n"
    (problem,) = problems_in(text)
    assert problem.message == 'input.pfs.glob is "/(a|b": ( has no closing )'
    assert problem.place.column == text.splitlines()[2].index("(") + 1


def test_only_user_repos_are_inputs():
    assert problems_with_input(pfs(repo_type="user")) == []
    assert problems_with_input(pfs(repoType="meta")) == ['input.pfs.repoType is "meta"; only user repos are kept here']


@pytest.mark.parametrize("part", ["repo", "branch", "project"])
def test_places_have_names_of_few_characters(part):
    messages = problems_with_input(pfs(name="n", **{part: "a.b"}))
    assert messages == [f'input.pfs.{part} is "a.b"; only letters, digits, underscores and dashes are allowed']


def test_a_trigger_watches_another_branch_than_it_moves():
    (message,) = problems_with_input(pfs(branch="master", trigger={"commits": 2}))
    assert "watches" in message
    assert problems_with_input(pfs(branch="daily", trigger={"commits": 2})) == []
    assert len(problems_with_input(pfs(branch="daily", trigger={"commits": 2, "branch": "daily"}))) == 1


def test_a_trigger_can_be_read():
    good = {"size": "100MB", "commits": "2", "cronSpec": "@daily", "rateLimitSpec": "@every 5m", "all": True}
    assert problems_with_input(pfs(trigger=good)) == []
    messages = problems_with_input(pfs(trigger={"size": "big", "commits": -1, "cronSpec": "x", "rate_limit_spec": "y"}))
    assert len(messages) == 4


def test_a_pipeline_does_not_read_its_own_output():
    assert problems_with_input(pfs(repo="p")) == ['input.pfs.repo is "p", the pipeline\'s own output']
    assert problems_with_input(pfs(repo="p", project="other")) == []


def test_a_pipeline_reads_one_branch_of_a_repo():
    assert problems_with_input({"cross": [pfs(), pfs(name="old", branch="old")]}) == [
        "input.cross[1].pfs reads a second branch of data; a pipeline reads one branch of a repo"
    ]
    assert problems_with_input({"cross": [pfs(), pfs(name="again", branch="master")]}) == []


def test_children_are_sorted_by_name_from_the_leaves_up():
    tree = {"cross": [pfs(name="m"), {"union": [pfs(name="z"), pfs(name="a")]}]}
    node = load_with({"input": {"pfs": None, **tree}}).pipeline.input
    assert isinstance(node, CompositeInput)
    union, last = node.children
    assert isinstance(union, CompositeInput)
    assert [leaf.name for leaf in union.children] == ["a", "z"]
    assert last.name == "m"
