import pytest

from runner.model.address import InvalidAddress
from runner.model.pipeline import CompositeInput, CompositeKind, PfsInput, Pipeline, Transform
from runner.store import open_store
from runner.store.history import repos
from runner.store.history.repos import NoSuchRepo
from runner.supervisor import inputs
from tests.store.world import commit_objects


def pipeline_of(*names: str) -> Pipeline:
    leaves = tuple(PfsInput(name, "default", f"{name}-repo", "master", "/", s3=True) for name in names)
    return Pipeline("default", "p", Transform(("true",)), CompositeInput(CompositeKind.CROSS, leaves), s3_out=True)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"1")
    return folder


async def test_a_folder_becomes_a_commit_of_the_inputs_own_branch(store, folder):
    told = []
    pinned = await inputs.pin(
        store,
        pipeline_of("lab"),
        {"lab": str(folder)},
        imported=lambda name, commit, is_new: told.append((name, is_new)),
    )
    assert [(each.name, each.repo, each.branch) for each in pinned] == [("lab", "lab-repo", "master")]
    assert told == [("lab", True)]


async def test_a_folder_that_has_not_changed_makes_no_commit(store, folder):
    told = []
    for _ in range(2):
        pinned = await inputs.pin(
            store, pipeline_of("lab"), {"lab": str(folder)}, imported=lambda *what: told.append((what[1].id, what[2]))
        )
    assert told == [(pinned[0].commit, True), (pinned[0].commit, False)]


async def test_an_input_that_is_not_named_uses_the_head_of_its_branch(store):
    await commit_objects(store, {b"a": b"1"}, repo="lab-repo")
    head = await commit_objects(store, {b"a": b"2"}, repo="lab-repo")
    (pinned,) = await inputs.pin(store, pipeline_of("lab"), {})
    assert pinned.commit == head.id


async def test_an_address_pins_the_commit_that_it_means(store):
    first = await commit_objects(store, {b"a": b"1"}, repo="other")
    await commit_objects(store, {b"a": b"2"}, repo="other")
    (pinned,) = await inputs.pin(store, pipeline_of("lab"), {"lab": "other@master^"})
    assert (pinned.repo, pinned.commit) == ("other", first.id)


async def test_an_unknown_input_is_refused_with_the_nearest_name_before_anything_is_imported(store, folder):
    with pytest.raises(inputs.UnknownInput, match="has no input 'lob'") as refused:
        await inputs.pin(store, pipeline_of("lab", "wards"), {"lab": str(folder), "lob": str(folder)})
    assert refused.value.hint == "did you mean 'lab'?"
    assert await repos.list_repos(store, "default") == []


@pytest.mark.parametrize("source", ["nowhere", "./no/where", "no/where@master"])
async def test_a_source_that_is_not_there_is_refused_before_anything_is_imported(store, folder, source):
    with pytest.raises(inputs.NoSuchSource, match="is not there"):
        await inputs.pin(store, pipeline_of("lab", "wards"), {"lab": str(folder), "wards": source})
    assert await repos.list_repos(store, "default") == []


@pytest.mark.parametrize(("source", "error"), [("none@master", NoSuchRepo), ("a b@master", InvalidAddress)])
async def test_an_address_that_means_nothing_is_refused(store, source, error):
    with pytest.raises(error):
        await inputs.pin(store, pipeline_of("lab"), {"lab": source})


async def test_a_missing_repo_names_the_option_that_fills_it(store):
    with pytest.raises(inputs.InputMissing, match="lab-repo@master") as refused:
        await inputs.pin(store, pipeline_of("lab"), {})
    assert refused.value.hint == "add --input lab=FOLDER to import one"


async def test_an_empty_branch_is_a_missing_input(store):
    await repos.create(store, "default", "lab-repo")
    with pytest.raises(inputs.InputMissing):
        await inputs.pin(store, pipeline_of("lab"), {})
