from __future__ import annotations

import pytest

from runner.model.address import InvalidName, parse
from runner.model.ids import new_commit_id
from runner.store.history import commits, projects, removal, repos
from runner.store.history.commits import AmbiguousCommit, NoSuchCommit
from runner.store.history.projects import NoSuchProject, ProjectExists, ProjectInUse
from runner.store.history.refs import NoSuchBranch
from runner.store.history.removal import RepoInUse
from runner.store.history.repos import NoSuchRepo, RepoExists
from runner.store.jobs import pipelines
from runner.store.jobs.pipelines import NoSuchPipeline
from runner.store.writing import branches
from runner.store.writing.branches import BranchExists
from tests.store.world import PIPELINE, commit_objects


async def test_projects_are_made_listed_and_removed(store):
    made = await projects.create(store, "ml", "text")
    assert [project.name for project in await projects.list_projects(store)] == ["default", "ml"]
    assert await projects.inspect(store, "ml") == made
    with pytest.raises(ProjectExists):
        await projects.create(store, "ml")
    await repos.create(store, "ml", "data")
    with pytest.raises(ProjectInUse):
        await projects.delete(store, "ml")
    await removal.delete_repo(store, "ml", "data")
    await projects.delete(store, "ml")
    with pytest.raises(NoSuchProject):
        await projects.inspect(store, "ml")
    with pytest.raises(NoSuchProject):
        await repos.create(store, "ml", "data")


async def test_repos_are_made_listed_and_removed(store):
    made = await repos.create(store, "default", "data", "text")
    assert await repos.list_repos(store, "default") == [made]
    with pytest.raises(RepoExists):
        await repos.create(store, "default", "data")
    await commit_objects(store, {b"a": b"12345"})
    assert (await repos.inspect(store, "default", "data")).size_bytes == 5
    await removal.delete_repo(store, "default", "data")
    for late in (repos.inspect(store, "default", "data"), removal.delete_repo(store, "default", "data")):
        with pytest.raises(NoSuchRepo):
            await late


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "..", "0123456789ab"])
async def test_odd_names_are_refused(store, name):
    with pytest.raises(InvalidName):
        await repos.create(store, "default", name)
    with pytest.raises(InvalidName):
        await projects.create(store, name)
    await repos.create(store, "default", "data")
    with pytest.raises(InvalidName):
        await branches.create(store, "default", "data", name)


async def test_branches_are_made_at_commits_listed_and_removed(store):
    commit = await commit_objects(store, {b"a": b"1"})
    made = await branches.create(store, "default", "data", "fork", commit.id)
    empty = await branches.create(store, "default", "data", "empty")
    listed = await branches.list_branches(store, "default", "data")
    assert [(branch.name, branch.head) for branch in listed] == [
        ("empty", None),
        ("fork", commit.id),
        ("master", commit.id),
    ]
    assert await branches.inspect(store, "default", "data", "fork") == made
    with pytest.raises(BranchExists):
        await branches.create(store, "default", "data", "fork")
    with pytest.raises(NoSuchCommit):
        await branches.create(store, "default", "data", "other", new_commit_id())
    with pytest.raises(NoSuchCommit, match="no commit yet"):
        await commits.resolve(store, parse(f"data@{empty.name}"))
    await branches.delete(store, "default", "data", "fork")
    with pytest.raises(NoSuchBranch):
        await branches.inspect(store, "default", "data", "fork")
    assert await commits.resolve(store, parse(f"data@{commit.id}")) == commit


async def test_an_address_means_one_commit(store):
    made = [await commit_objects(store, {b"a": b"%d" % number}) for number in range(4)]
    found = {
        "data": made[3],
        "data@master": made[3],
        "data@master^": made[2],
        "data@master^2": made[1],
        f"data@{made[2].id}^^": made[0],
        f"data@{made[1].id[:8]}": made[1],
        f"data@{made[1].id[:20]}": made[1],
    }
    for text, commit in found.items():
        assert await commits.resolve(store, parse(text)) == commit
    for text in ("data@master^4", "data@other", f"data@{new_commit_id()}", "data@0"):
        with pytest.raises(NoSuchCommit):
            await commits.resolve(store, parse(text))
    with pytest.raises(NoSuchRepo):
        await commits.resolve(store, parse("other@master"))


async def test_digits_that_several_commits_begin_with_are_refused(store, monkeypatch):
    numbers = iter([f"0123456789ab4{n:019x}" for n in (1, 2)])
    monkeypatch.setattr("runner.store.writing.deltas.new_commit_id", numbers.__next__)
    await commit_objects(store, {b"a": b"1"})
    await commit_objects(store, {b"a": b"2"})
    with pytest.raises(AmbiguousCommit):
        await commits.resolve(store, parse("data@01234567"))


async def test_a_branch_lists_its_own_history_newest_first(store):
    first = await commit_objects(store, {b"a": b"1"})
    await branches.create(store, "default", "data", "fork", first.id)
    master = await commit_objects(store, {b"a": b"2"})
    fork = await commit_objects(store, {b"a": b"3"}, branch="fork")
    assert await commits.list_commits(store, "default", "data", "master") == [master, first]
    assert await commits.list_commits(store, "default", "data", "fork") == [fork, first]
    assert await commits.list_commits(store, "default", "data") == [fork, master, first]
    assert await commits.list_commits(store, "default", "data", "fork", limit=1) == [fork]


async def test_a_pipeline_gets_a_version_for_each_new_spec(store):
    newer = type(PIPELINE)(**{
        **{name: getattr(PIPELINE, name) for name in PIPELINE.__slots__}, "digest": "2", "spec": {"x": 2}
    })  # fmt: skip
    assert await pipelines.register(store, PIPELINE) == 1
    assert await pipelines.register(store, PIPELINE) == 1
    assert await pipelines.register(store, newer) == 2
    assert [(each.name, each.version) for each in await pipelines.list_pipelines(store, "default")] == [("double", 2)]
    assert (await pipelines.inspect(store, "default", "double")).digest == "2"
    assert await pipelines.spec_of(store, "default", "double", 1) == PIPELINE.spec
    assert await pipelines.spec_of(store, "default", "double", 2) == {"x": 2}
    assert [branch.name for branch in await branches.list_branches(store, "default", "double")] == ["master"]
    with pytest.raises(NoSuchPipeline):
        await pipelines.spec_of(store, "default", "double", 3)
    with pytest.raises(NoSuchPipeline):
        await pipelines.inspect(store, "default", "other")
    with pytest.raises(RepoInUse):
        await removal.delete_repo(store, "default", "double")
