"""Jobs of many datums: real store, real gateway, real children, with namespaces where permitted and without."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from runner.host.settings import resolve
from runner.job.outcome import JobOutcome
from runner.job.prepare import NoSuchUser
from runner.model.entry import Attributes
from runner.model.job import Attempt, DatumState, JobDatum, JobState
from runner.model.provenance import Observed, Record
from runner.spec.pipelines import read_pipelines
from runner.store import files, open_store
from runner.store.jobs import jobs
from runner.store.writing.changes import open_change
from runner.supervisor.run import RunRequest, run


class Watcher:
    def __init__(self) -> None:
        self.records = []

    async def opened(self, store, job, counters, *, tries):
        self.store, self.key = store, job.key

    def log(self, record):
        self.records.append(record)

    def said(self, *, user=True):
        return [record["message"] for record in self.records if bool(record.get("user")) is user]

    def events(self):
        return [record["event"] for record in self.records if "event" in record]


BOTH = pytest.mark.parametrize("settings", ["auto", "off"], indirect=True)
"""With namespaces where they are permitted, and without."""


@pytest.fixture
def settings(tmp_path, request):
    found = resolve({"store": str(tmp_path / "store")}, None, environ={}, folder=tmp_path).settings
    return replace(found, job=replace(found.job, namespaces=getattr(request, "param", "auto")))


def folder_of(path, content: dict[str, str | bytes]):
    for name, data in content.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def pipeline_of(input_, *lines: str, cmd=("sh", "-e"), **fields):
    transform = {"cmd": list(cmd), "stdin": list(lines), **fields.pop("transform", {})}
    spec = {"pipeline": {"name": "work"}, "input": input_, "transform": transform, "datum_tries": 1, **fields}
    (loaded,) = read_pipelines("spec.json", json.dumps(spec).encode())
    return loaded.pipeline


@dataclass
class Done:
    """What a test asks of a job that is over."""

    outcome: JobOutcome
    watcher: Watcher
    output: dict[str, bytes] | None
    datums: Sequence[JobDatum]
    attempts: Sequence[Attempt]
    record: Record | None
    observed: Sequence[Observed]

    @property
    def job(self):
        return self.outcome.job

    @property
    def states(self):
        return [datum.state for datum in self.datums]


async def content(store, commit) -> dict[str, bytes]:
    found = {}
    bucket = files.bucket_of(store, commit)
    for entry in (await bucket.list(b"", b"", b"")).items:
        reader = await bucket.get(entry.key)
        found[entry.key.decode()] = b"".join([piece async for piece in reader.read(0, entry.size)])
    return found


@pytest.fixture
def job(settings):
    async def work(pipeline, **sources) -> Done:
        watcher = Watcher()
        skip = sources.pop("skip", True)
        request = RunRequest(pipeline=pipeline, sources={name: str(path) for name, path in sources.items()}, skip=skip)
        async with run(settings, request, watcher) as result:
            key, outcome = result.outcome.job.key, result.outcome
            output = await content(result.store, outcome.commit) if outcome.commit else None
            return Done(
                outcome,
                watcher,
                output,
                await jobs.datums(result.store, key),
                await jobs.attempts(result.store, key),
                await jobs.record(result.store, key),
                await jobs.observed(result.store, key),
            )

    return work


def pfs(repo: str, glob: str = "/*", **fields):
    return {"pfs": {"repo": repo, "glob": glob, **fields}}


# What a datum finds


@BOTH
async def test_a_bucket_and_twenty_files_are_twenty_datums_with_one_out(job, tmp_path):
    """Each sees its file and the same bucket; one that fails twice and then succeeds leaves nothing of its failures."""
    lab = folder_of(tmp_path / "lab", {"shared.txt": "shared"})
    params = folder_of(tmp_path / "params", {f"p{n:02}": f"{n}" for n in range(20)})
    program = f"""
import os, sys, pathlib, urllib.request
endpoint = os.environ["S3_ENDPOINT"]
file = pathlib.Path(os.environ["params"])
def ask(method, path, data=None):
    return urllib.request.urlopen(urllib.request.Request(endpoint + path, data=data, method=method)).read()
shared = ask("GET", "/lab/shared.txt")
tries = pathlib.Path({str(tmp_path)!r}, "tries-" + file.name)
with tries.open("a") as log: log.write("x")
if file.name == "p07" and len(tries.read_text()) < 3:
    ask("PUT", "/out/debris-%s" % tries.read_text(), b"debris")
    ask("PUT", "/out/p07", b"debris")
    sys.exit(3)
ask("PUT", "/out/" + file.name, shared + b" " + file.read_bytes() + b" " + b",".join(
    sorted(os.fsencode(name) for name in os.listdir(file.parent))))
"""
    done = await job(
        pipeline_of(
            {"cross": [pfs("lab", "/", s3=True), pfs("params")]},
            *program.splitlines(),
            cmd=(sys.executable, "-"),
            s3_out=True,
            datum_tries=3,
        ),
        lab=lab,
        params=params,
    )
    assert done.outcome.status == 0, done.outcome.reason
    assert done.output == {f"p{n:02}": f"shared {n} p{n:02}".encode() for n in range(20)}
    assert done.states == [DatumState.SUCCESS] * 20
    assert [datum.files[1].path for datum in done.datums] == [f"/p{n:02}" for n in range(20)]
    assert (done.job.data_total, done.job.data_processed) == (20, 20)
    assert len(done.attempts) == len(done.record["attempts"]) == 22
    assert sum(attempt.exit.status == 3 for attempt in done.attempts) == 2


@BOTH
async def test_files_lie_under_their_whole_path_and_variables_lead_to_them(job, tmp_path):
    source = folder_of(tmp_path / "in", {"deep/er/a.txt": "A", "deep/b.txt": "B", "other": "C"})
    script = (
        'echo "$in|$in_COMMIT|$PACH_DATUM_ID"',
        "cd $in && find . -type f | sort",
        'cat "$in/er/a.txt"',
        "ls ${RUNNER_PFS}",
        "test -w $RUNNER_PFS/out && grep -q '^PACH_DATUM_ID=' $RUNNER_PFS/.env",
        'test -z "$S3_ENDPOINT$AWS_ACCESS_KEY_ID"',
    )
    done = await job(pipeline_of(pfs("in", "/deep"), *script), **{"in": source})
    assert done.outcome.status == 0, done.outcome.reason
    first, *rest = done.watcher.said()
    path, commit, datum = first.split("|")
    assert path.endswith("/in/deep")
    assert commit == done.job.inputs[0].commit
    assert datum == done.datums[0].id
    assert rest == ["./b.txt", "./er/a.txt", "Ain", "out"]
    assert [(each.path, each.objects, each.size_bytes) for each in done.datums[0].files] == [("/deep/", 2, 2)]


@BOTH
async def test_the_whole_repo_is_one_datum(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1", "b/c": "2"})
    done = await job(pipeline_of(pfs("in", "/"), 'cat $in/a $in/b/c > "$RUNNER_PFS/out/both"'), **{"in": source})
    assert done.output == {"both": b"12"}


@BOTH
async def test_each_try_gets_its_files_anew_and_the_store_stays_as_it_is(job, tmp_path):
    """A program may do with its files what it likes: they are its own."""
    large = bytes(range(256)) * 2000
    source = folder_of(tmp_path / "in", {"small": "given", "large": large})
    script = (
        "test $(cat $in/small) = given && cmp -s $in/large $SOURCE",
        "chmod u+w $in/small $in/large; echo spoilt > $in/small; echo spoilt >> $in/large; : > $in/more",
        "exit 1",
    )
    spec = pipeline_of(pfs("in", "/"), *script, datum_tries=2, transform={"env": {"SOURCE": str(source / "large")}})
    done = await job(spec, **{"in": source})
    assert [attempt.exit.status for attempt in done.attempts] == [1, 1]
    again = await job(pipeline_of(pfs("in", "/"), "cp $in/* $RUNNER_PFS/out"), **{"in": "in@master"})
    assert again.output == {"small": b"given", "large": large}


async def test_what_is_given_counts_as_read(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "123", "b": "4", "c/d": "56"})
    done = await job(pipeline_of(pfs("in", "/{a,c}"), "true"), **{"in": source})
    assert [(seen.key, seen.op, seen.ranges) for seen in done.observed] == [
        (b"a", "get", ((0, 3),)),
        (b"c/d", "get", ((0, 2),)),
    ]
    assert [read["key"] for read in done.record["observed"]] == ["a", "c/d"]
    assert done.job.read_bytes == 5


async def test_a_folder_cannot_hold_every_key(job, settings, tmp_path):
    """It is said before anything ran, with the status of a wrong request."""
    source = folder_of(tmp_path / "in", {"good": "1"})
    first = await job(pipeline_of(pfs("in"), "true"), **{"in": source})
    assert first.outcome.status == 0

    async def body():
        yield b"x"

    async with open_store(settings.store) as store, open_change(store, "default", "in", "master") as change:
        await change.put(b"folder//file", body(), Attributes())
        await change.commit()
    done = await job(pipeline_of(pfs("in"), "echo ran"))
    assert (done.outcome.status, done.job.state) == (2, JobState.FAILURE)
    assert "folder//file" in done.outcome.reason
    assert done.watcher.said() == []


async def test_joins_and_groups_tell_their_keys(job, tmp_path):
    left = folder_of(tmp_path / "left", {"k1.l": "1", "k2.l": "2"})
    right = folder_of(tmp_path / "right", {"k1.r": "3", "k3.r": "4"})
    joined = {"join": [pfs("left", "/(*).l", join_on="$1"), pfs("right", "/(*).r", join_on="$1", outer_join=True)]}
    done = await job(
        pipeline_of(joined, 'echo "$PACH_DATUM_left_JOIN_ON $PACH_DATUM_right_JOIN_ON $(cat $left $right)"'),
        left=left,
        right=right,
    )
    assert done.watcher.said() == ["k1 k1 13", " k3 4"]
    grouped = {"group": [pfs("left", "/(k)*", group_by="$1"), pfs("right", "/(k)*", group_by="$1")]}
    done = await job(pipeline_of(grouped, "echo $PACH_DATUM_left_GROUP_BY; ls $RUNNER_PFS/left $RUNNER_PFS/right"))
    assert done.watcher.said()[0] == "k"
    assert {"k1.l", "k2.l", "k1.r", "k3.r"} < set(done.watcher.said())
    united = {"union": [pfs("left", "/k1*"), pfs("right", "/k3*")]}
    done = await job(pipeline_of(united, "cat $left $right"), skip=False)
    assert [[each.path for each in datum.files] for datum in done.datums] == [["/k1.l"], ["/k3.r"]]


async def test_the_ticks_of_a_clock_are_files(job, tmp_path):
    ticks = folder_of(tmp_path / "ticks", {"2026-11-27T04:00:00Z": "", "2026-11-27T05:00:00Z": ""})
    done = await job(pipeline_of({"cron": {"name": "tick", "spec": "@never"}}, "basename $tick"), tick=ticks)
    assert done.watcher.said() == ["2026-11-27T04:00:00Z", "2026-11-27T05:00:00Z"]


@pytest.mark.parametrize("field", ["lazy", "empty_files"])
async def test_lazy_and_empty_files_are_ordinary_ones(job, tmp_path, field):
    source = folder_of(tmp_path / "in", {"a": "whole"})
    done = await job(pipeline_of(pfs("in", **{field: True}), "test -f $in; cat $in $in"), **{"in": source})
    assert done.watcher.said() == ["wholewhole"]


async def test_no_match_is_no_datum_and_a_good_end(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1"})
    done = await job(pipeline_of(pfs("in", "/*.csv"), "echo ran"), **{"in": source})
    assert (done.outcome.status, done.job.data_total, done.output) == (0, 0, {})
    assert "there are no datums" in done.outcome.reason
    assert done.outcome.reason in done.watcher.said(user=False)


async def test_after_a_failed_datum_the_others_run_and_the_job_names_the_first(job, tmp_path):
    source = folder_of(tmp_path / "in", {name: name for name in "abcd"})
    script = ('case "$in" in */b|*/c) echo "bad $in" >&2; exit 4;; esac', "cp $in $RUNNER_PFS/out")
    done = await job(pipeline_of(pfs("in"), *script), **{"in": source})
    assert (done.outcome.status, done.job.state, done.output) == (1, JobState.FAILURE, None)
    assert done.states == [DatumState.SUCCESS, DatumState.FAILED, DatumState.FAILED, DatumState.SUCCESS]
    assert f"datum {done.datums[1].id} failed: sh -e exited 4" in done.outcome.reason
    assert (done.job.data_processed, done.job.data_failed) == (2, 2)


async def test_a_recovered_datum_leaves_nothing_and_the_job_succeeds(job, tmp_path):
    source = folder_of(tmp_path / "in", {name: name for name in "ab"})
    script = ("cp $in $RUNNER_PFS/out", 'case "$in" in */b) exit 4;; esac')
    done = await job(pipeline_of(pfs("in"), *script, transform={"err_cmd": ["true"]}), **{"in": source})
    assert (done.outcome.status, done.output) == (0, {"a": b"a"})
    assert done.states == [DatumState.SUCCESS, DatumState.RECOVERED]
    again = await job(pipeline_of(pfs("in"), *script, transform={"err_cmd": ["true"]}))
    assert again.states == [DatumState.SKIPPED, DatumState.RECOVERED]


async def test_files_of_a_group_that_cannot_lie_beside_one_another_fail_it(job, settings):
    """Keys may be so; each of them alone can be given."""

    async def body():
        yield b"x"

    async with open_store(settings.store) as store, open_change(store, "default", "in", "master") as change:
        for key in (b"a", b"a/b"):
            await change.put(key, body(), Attributes())
        await change.commit()
    assert (await job(pipeline_of(pfs("in"), "true"))).job.data_total == 2
    done = await job(pipeline_of({"group": [pfs("in"), pfs("in", "/none", name="other")]}, "echo ran"))
    assert (done.outcome.status, done.watcher.said()) == (2, [])
    assert "a file, a folder or a symbolic link is in the way" in done.outcome.reason


async def test_a_datum_that_recovers_and_then_succeeds_is_a_good_one(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1"})
    spec = pipeline_of(
        pfs("in"),
        f"test -e {tmp_path}/tried && exit 0",
        f"touch {tmp_path}/tried; exit 1",
        datum_tries=2,
        transform={"err_cmd": ["true"]},
    )
    done = await job(spec, **{"in": source})
    assert (done.states, done.job.data_processed, done.job.data_recovered) == ([DatumState.SUCCESS], 1, 0)
    assert (await job(spec)).states == [DatumState.SKIPPED]


# What it leaves in /pfs/out


@BOTH
async def test_out_takes_files_and_what_links_lead_to(job, tmp_path):
    source = folder_of(tmp_path / "in", {"data/x": "X", "data/sub/y": "Y"})
    large = b"0123456789" * 100_000
    (tmp_path / "large").write_bytes(large)
    script = (
        "cd $RUNNER_PFS/out",
        "mkdir -p a/b empty; echo 1 > a/b/c; mkfifo a/pipe; : > zero; chmod 0 zero",
        "ln -s $in/x by-file; ln -s $in by-folder; ln -s ../in/data/sub relative; ln -s a/b/c inside",
        f"cp {tmp_path}/large large; ln -s {tmp_path}/large elsewhere",
    )
    done = await job(pipeline_of(pfs("in", "/data"), *script), **{"in": source})
    assert done.outcome.status == 0, done.outcome.reason
    assert done.output == {
        "a/b/c": b"1\n",
        "zero": b"",
        "by-file": b"X",
        "by-folder/x": b"X",
        "by-folder/sub/y": b"Y",
        "relative/y": b"Y",
        "inside": b"1\n",
        "large": large,
        "elsewhere": large,
    }
    assert done.job.written_bytes == sum(map(len, done.output.values()))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ln -s nothing $RUNNER_PFS/out/dangling", "out/dangling is a symbolic link to nothing"),
        ("ln -s . $RUNNER_PFS/out/around", "out/around is a symbolic link to a folder around it"),
        ("ln -s itself $RUNNER_PFS/out/itself", "out/itself is a symbolic link to itself"),
        ("ln -s /proc/self/environ $RUNNER_PFS/out/environ", "out/environ is a symbolic link to no data: /proc/"),
        ("rmdir $RUNNER_PFS/out", "out cannot be read: No such file"),
        ("rmdir $RUNNER_PFS/out; echo > $RUNNER_PFS/out", "out is no folder any more"),
        ("touch \"$RUNNER_PFS/out/$(printf '\\377')\"", "its name is not UTF-8"),
    ],
)
async def test_what_cannot_be_kept_fails_the_datum_in_one_sentence(job, tmp_path, line, told):
    source = folder_of(tmp_path / "in", {"a": "1"})
    done = await job(pipeline_of(pfs("in"), line), **{"in": source})
    assert (done.outcome.status, done.job.state) == (1, JobState.FAILURE)
    assert told in done.outcome.reason


@pytest.mark.parametrize(
    "line",
    ["ln -s {secret} $RUNNER_PFS/out/stolen", "rmdir $RUNNER_PFS/out; ln -s {folder} $RUNNER_PFS/out"],
)
async def test_a_link_shows_nobody_what_he_may_not_read(job, tmp_path, line):
    """The runner may read more than the user that the spec names; output is not a way to it."""
    source = folder_of(tmp_path / "in", {"a": "1"})
    folder = folder_of(tmp_path / "own", {"secret": "s"})
    spec = pipeline_of(pfs("in"), line.format(secret=folder / "secret", folder=folder), transform={"user": "nobody"})
    if os.geteuid() != 0:  # only root may become another
        with pytest.raises(NoSuchUser):
            await job(spec, **{"in": source})
        return
    done = await job(spec, **{"in": source})
    assert done.outcome.status == 1
    assert "belongs to another user" in done.outcome.reason
    mine = pipeline_of(pfs("in"), "cp $in $RUNNER_PFS/out; ln -s $in $RUNNER_PFS/out/b", transform={"user": "nobody"})
    assert (await job(mine)).output == {"a": b"1", "b": b"1"}


async def test_nothing_of_a_failed_try_remains(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1"})
    script = (
        f"echo x >> {tmp_path}/tries",
        f"if [ $(wc -l < {tmp_path}/tries) -lt 3 ]; then echo debris > $RUNNER_PFS/out/debris; exit 1; fi",
        "ls -A $RUNNER_PFS/out; echo good > $RUNNER_PFS/out/good",
    )
    done = await job(pipeline_of(pfs("in"), *script, datum_tries=3), **{"in": source})
    assert done.output == {"good": b"good\n"}
    assert done.watcher.said() == []


async def test_two_datums_that_write_one_path_fail_the_job_in_pachyderms_words(job, tmp_path):
    source = folder_of(tmp_path / "in", {name: name for name in "abc"})
    done = await job(
        pipeline_of(pfs("in"), "case $in in */b) ;; *) cp $in $RUNNER_PFS/out/same;; esac"), **{"in": source}
    )
    assert (done.outcome.status, done.job.state) == (1, JobState.FAILURE)
    one, _, other = (datum.id for datum in done.datums)
    told = f"duplicate path output by different datums (/same from {one} and /same from {other})"
    assert told in done.outcome.reason
    assert len(done.attempts) == 3


async def test_a_file_that_is_a_folder_too_fails_the_job_in_pachyderms_words(job, tmp_path):
    source = folder_of(tmp_path / "in", {name: name for name in "ab"})
    script = "case $in in */a) cp $in $RUNNER_PFS/out/x;; *) mkdir $RUNNER_PFS/out/x; cp $in $RUNNER_PFS/out/x/y;; esac"
    done = await job(pipeline_of(pfs("in"), script), **{"in": source})
    assert (done.outcome.status, done.outcome.reason) == (1, "file / directory path collision (/x)")
    assert done.output is None


async def test_no_output_is_an_empty_commit(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1"})
    done = await job(pipeline_of(pfs("in"), "true"), **{"in": source})
    assert (done.outcome.status, done.output) == (0, {})


# What need not be run again


@pytest.fixture
def copies():
    """Copy each file into a folder of its own, and say so."""
    return pipeline_of(pfs("in"), "echo $(basename $in)", "d=$RUNNER_PFS/out/$(basename $in); mkdir $d; cp $in $d/copy")


@BOTH
async def test_what_is_as_it_was_is_not_run_again_and_its_output_stays(job, copies, tmp_path):
    source = folder_of(tmp_path / "in", {name: name for name in "abc"})
    first = await job(copies, **{"in": source})
    assert first.watcher.said() == ["a", "b", "c"]
    folder_of(source, {"b": "changed", "d": "new"})
    (source / "c").unlink()
    second = await job(copies, **{"in": source})
    assert second.watcher.said() == ["b", "d"]
    assert second.output == {"a/copy": b"a", "b/copy": b"changed", "d/copy": b"new"}
    assert second.states == [DatumState.SKIPPED, DatumState.SUCCESS, DatumState.SUCCESS]
    assert (second.job.data_total, second.job.data_skipped, second.job.data_processed) == (3, 1, 2)
    assert f"1 of 3 datums is as it was in {first.job.key}; its output stays" in second.watcher.said(user=False)
    assert second.record["skipped"] == {"datums": 1, "job": first.job.key.id}
    assert [seen["key"] for seen in second.record["observed"]] == ["a", "b", "d"]
    assert second.record["observed"][0] == first.record["observed"][0]
    third = await job(copies)
    assert third.record["observed"] == second.record["observed"]
    assert third.watcher.said() == []
    assert third.output == second.output
    assert third.states == [DatumState.SKIPPED] * 3
    assert "all 3 datums are as they were" in third.outcome.reason
    assert third.outcome.commit.digest == second.outcome.commit.digest


async def test_what_skipped_datums_read_of_folders_and_buckets_has_shaped_the_output_too(job, tmp_path):
    """Of a folder just what they were given, of a bucket all that the job read then: nobody knows which of them did."""
    files = folder_of(tmp_path / "in", {"x/1": "1", "x/2": "2", "xy/1": "3"})
    bucket = folder_of(tmp_path / "lab", {"read": "r", "unread": "u"})
    crossed = {"cross": [pfs("in"), pfs("lab", "/", s3=True)]}
    script = "curl -sf $S3_ENDPOINT/lab/read; curl -s $S3_ENDPOINT/lab/none; cp -r $in $RUNNER_PFS/out/"
    first = await job(pipeline_of(crossed, script), **{"in": files, "lab": bucket})
    folder_of(files, {"xy/1": "changed"})
    (files / "x" / "3").write_text("new")
    (files / "xy" / "1").rename(files / "xy" / "4")
    folder_of(files, {"z/1": "4"})
    second = await job(pipeline_of(crossed, script), **{"in": files})
    assert second.states.count(DatumState.SKIPPED) == 0
    folder_of(files, {"xy/4": "again"})
    last = await job(pipeline_of(crossed, script), **{"in": files})
    assert (first.job.data_total, last.job.data_total, last.job.data_skipped) == (2, 3, 2)
    read = [(seen["input"], seen["key"], seen["op"]) for seen in last.record["observed"]]
    assert read == [
        *(("in", key, "get") for key in ("x/1", "x/2", "x/3", "xy/4", "z/1")),
        ("lab", "none", "miss"),
        ("lab", "read", "get"),
    ]


async def test_what_is_carried_over_twice_is_still_whole(job, copies, tmp_path):
    source = folder_of(tmp_path / "in", {f"{n:04}": str(n) for n in range(12)})
    first = await job(copies, **{"in": source})
    for n in (3, 7):
        folder_of(source, {f"{n:04}": "changed"})
        last = await job(copies, **{"in": source})
        assert last.job.data_skipped == 11
    assert len(last.output) == len(first.output) == 12
    assert {key for key, data in last.output.items() if first.output[key] != data} == {"0003/copy", "0007/copy"}


async def test_a_clash_with_what_was_carried_over_is_one_too(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "same"})
    spec = pipeline_of(pfs("in"), "cp $in $RUNNER_PFS/out/$(cat $in)")
    assert (await job(spec, **{"in": source})).outcome.status == 0
    folder_of(source, {"b": "same"})
    done = await job(spec, **{"in": source})
    one, other = (datum.id for datum in done.datums)
    assert f"duplicate path output by different datums (/same from {one} and /same from {other})" in done.outcome.reason


@pytest.mark.parametrize("change", ["cmd", "salt", "env", "script", "every_job", "asked"])
async def test_what_makes_every_datum_new(job, tmp_path, change):
    source = folder_of(tmp_path / "in", {"a": "1"})
    script = folder_of(tmp_path / "code", {"run.sh": "echo ran"}) / "run.sh"
    spec = pipeline_of(pfs("in"), f"sh {script}", salt="one")
    assert (await job(spec, **{"in": source})).watcher.said() == ["ran"]
    assert (await job(spec)).watcher.said() == []
    fields = {"salt": "two"} if change == "salt" else {"salt": "one"}
    if change == "cmd":
        spec = pipeline_of(pfs("in"), f"sh {script} more", **fields)
    elif change == "env":
        spec = pipeline_of(pfs("in"), f"sh {script}", transform={"env": {"A": "1"}}, **fields)
    elif change == "every_job":
        spec = pipeline_of(pfs("in"), f"sh {script}", reprocess_spec="every_job", **fields)
    elif change == "salt":
        spec = pipeline_of(pfs("in"), f"sh {script}", **fields)
    elif change == "script":
        script.write_text("echo ran\nexit 0")
    assert (await job(spec, skip=change != "asked")).watcher.said() == ["ran"]


async def test_a_description_or_more_tries_make_none_new(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1"})
    await job(pipeline_of(pfs("in"), "echo ran"), **{"in": source})
    changed = pipeline_of(pfs("in"), "echo ran", description="other", datum_tries=5)
    assert (await job(changed)).watcher.said() == []


async def test_a_failed_job_is_no_base_and_a_failed_datum_runs_again(job, tmp_path):
    source = folder_of(tmp_path / "in", {name: name for name in "ab"})
    flag = tmp_path / "flag"
    spec = pipeline_of(pfs("in"), "basename $in", f"case $in in */b) test -e {flag};; esac", "cp $in $RUNNER_PFS/out")
    assert (await job(spec, **{"in": source})).outcome.status == 1
    flag.touch()
    done = await job(spec)
    assert done.watcher.said() == ["a", "b"]
    assert done.output == {"a": b"a", "b": b"b"}


async def test_a_reference_may_change_without_running_anything(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1"})
    model = folder_of(tmp_path / "model", {"weights": "1"})
    spec = pipeline_of({"cross": [pfs("in"), pfs("model", "/", reference=True)]}, "echo ran")
    assert (await job(spec, **{"in": source, "model": model})).watcher.said() == ["ran"]
    folder_of(model, {"weights": "2"})
    assert (await job(spec, **{"in": source, "model": model})).watcher.said() == []
    folder_of(source, {"a": "2"})
    assert (await job(spec, **{"in": source, "model": model})).watcher.said() == ["ran"]


async def test_a_changed_bucket_makes_every_datum_that_is_crossed_with_it_new(job, tmp_path):
    lab = folder_of(tmp_path / "lab", {"x": "1"})
    source = folder_of(tmp_path / "in", {name: name for name in "ab"})
    spec = pipeline_of({"cross": [pfs("lab", "/", s3=True), pfs("in")]}, "basename $in")
    assert (await job(spec, lab=lab, **{"in": source})).watcher.said() == ["a", "b"]
    assert (await job(spec)).watcher.said() == []
    folder_of(lab, {"x": "2"})
    assert (await job(spec, lab=lab)).watcher.said() == ["a", "b"]


async def test_output_through_the_bucket_is_never_skipped(job, tmp_path):
    source = folder_of(tmp_path / "in", {"a": "1"})
    spec = pipeline_of(pfs("in"), "echo ran", "test ! -e $RUNNER_PFS/out", s3_out=True)
    for _ in range(2):
        assert (await job(spec, **{"in": source})).watcher.said() == ["ran"]
