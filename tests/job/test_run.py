import os
import pwd
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import trio

from runner.host.log import Log
from runner.host.process import NO_ISOLATION, find_isolation
from runner.host.redact import Redactor
from runner.host.settings import resolve
from runner.host.signals import Stop
from runner.job.prepare import JobHost, NoSuchUser, find_user, prepare
from runner.job.provenance import Machine
from runner.job.run import run_job
from runner.model import address
from runner.model.entry import Attributes
from runner.model.errors import Unavailable
from runner.model.job import JobInput, JobState
from runner.model.pipeline import Pipeline, Secret
from runner.store import open_store
from runner.store.files import import_folder
from runner.store.history import commits
from runner.store.jobs import jobs, pipelines
from runner.store.jobs.joblog import JobLog, read
from runner.store.sessions.begin import open_job
from runner.store.writing import branches

ENDPOINT = "http://127.0.0.1:9"


class Bytes:
    """A body of one piece."""

    checksum = None

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self):
        yield self._data


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
async def given(store, tmp_path) -> JobInput:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "a.csv").write_text("1\n")
    commit, _ = await import_folder(store, folder, "default", "labresults", "master")
    return JobInput("labresults", "default", "labresults", "master", commit.id)


@pytest.fixture
async def host(tmp_path) -> JobHost:
    settings = resolve({}, None, environ={}, folder=tmp_path).settings.job
    return JobHost(
        inherited={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        scratch=tmp_path / "scratch",
        isolation=await find_isolation(),
        machine=Machine("lab-1", "Linux", "6", "x86_64"),
        settings=replace(settings, grace_seconds=0.5),
    )


@pytest.fixture
def job(store, given, host, pipeline):
    """Run a job whose gateway is a string and whose program writes through *write*, which the test calls for it."""

    class World:
        def __init__(self) -> None:
            self.records: list = []
            self.tokens: list = []
            self.views: list = []
            self.stop = Stop()
            self.session = None
            self.key = None

        @asynccontextmanager
        async def serve(self, view, token):
            self.views.append(view)
            self.tokens.append(token)
            await self.put(f"written-by-try-{len(self.views)}")
            yield ENDPOINT

        async def put(self, key, view=None):
            out = await (view or self.views[-1]).get_bucket("out")
            await out.put(key.encode(), Bytes(b"x"), Attributes())

        async def __call__(self, *cmd, stdin=None, host=host, inputs=(given,), serve=None, **changed):
            transform = replace(pipeline.transform, cmd=cmd, stdin=stdin, env={}, **changed.pop("transform", {}))
            wanted: Pipeline = replace(pipeline, transform=transform, **changed)
            log = Log(self.sink, redactor=Redactor())
            version = await pipelines.register(store, wanted)
            async with await open_job(store, wanted, version=version, inputs=inputs) as session:
                self.key = session.key
                kept = JobLog(store, session.key, session.owner)
                return await run_job(session, prepare(wanted, host), serve or self.serve, log, kept, stop=self.stop)

        def sink(self, record):
            self.records.append(record)

        def said(self, *, user=True):
            return [record["message"] for record in self.records if bool(record.get("user")) is user]

    yield World()
    structlog.contextvars.clear_contextvars()


async def keys(store, commit) -> list[str]:
    from runner.store.files import bucket_of

    page = await bucket_of(store, commit).list(b"", b"", b"")
    return [entry.key.decode() for entry in page.items]


async def head(store):
    return (await branches.inspect(store, "default", "copy", "master")).head


async def test_a_good_end_is_one_commit_with_its_record(job, store, given):
    outcome = await job("sh", stdin=("echo $S3_ENDPOINT", "echo $labresults_COMMIT >&2"))
    assert (outcome.status, outcome.job.state, outcome.reason) == (0, JobState.SUCCESS, "")
    assert await head(store) == outcome.commit.id == job.key.id
    assert await keys(store, outcome.commit) == ["written-by-try-1"]
    assert sorted(job.said()) == sorted([ENDPOINT, given.commit])
    record = await jobs.record(store, job.key)
    assert record["job"]["id"] == outcome.commit.id
    assert record["inputs"][0]["commit"] == given.commit
    assert record["output"]["digest"] == outcome.commit.digest.hex()
    assert record["attempts"][0]["status"] == 0
    assert {"name": "AWS_SECRET_ACCESS_KEY"} in record["environment"]
    assert (outcome.job.data_total, outcome.job.data_processed) == (1, 1)


async def test_a_failure_is_tried_again_and_publishes_nothing(job, store):
    outcome = await job("sh", stdin=("echo boom >&2", "exit 3"), datum_tries=3)
    assert (outcome.status, outcome.job.state) == (1, JobState.FAILURE)
    assert outcome.reason == "sh exited 3 on try 3 of 3: boom"
    assert outcome.job.reason == outcome.reason
    assert await head(store) is None
    attempts = await jobs.attempts(store, job.key)
    assert [(attempt.number, attempt.exit.status) for attempt in attempts] == [(1, 3), (2, 3), (3, 3)]
    assert outcome.job.data_failed == 1


async def test_a_failed_try_is_rolled_back_before_the_next(job, store, tmp_path):
    script = f"test -e {tmp_path}/second || {{ touch {tmp_path}/second; exit 1; }}"
    outcome = await job("sh", stdin=(script,), datum_tries=2)
    assert outcome.status == 0
    assert await keys(store, outcome.commit) == ["written-by-try-2"]


async def test_what_a_failed_job_wrote_is_kept_aside(job, store):
    await job("false", datum_tries=1)
    quarantined = await jobs.quarantined(store, job.key)
    assert await keys(store, quarantined) == ["written-by-try-1"]


async def test_uploads_that_were_never_completed_are_counted(job):
    @asynccontextmanager
    async def serve(view, _token):
        await (await view.get_bucket("out")).create_upload(b"half", Attributes())
        yield ENDPOINT

    assert (await job("true", serve=serve)).status == 0
    assert "1 upload was never completed: not part of the output" in job.said(user=False)


async def test_death_of_a_signal_is_a_failure_and_said_so(job):
    outcome = await job("sh", stdin=("kill -9 $$",), datum_tries=1)
    assert outcome.status == 1
    assert "was killed by SIGKILL on try 1 of 1" in outcome.reason


async def test_a_command_that_cannot_start_is_not_tried_again(job, store):
    outcome = await job("no-such-program", datum_tries=3)
    assert outcome.status == 2
    assert outcome.reason == (
        "no-such-program could not be started on try 1 of 3: "
        "no-such-program: not found on PATH; give its full path or install it"
    )
    assert [attempt.exit for attempt in await jobs.attempts(store, job.key)] == [None]


async def test_accepted_statuses_are_good_ends(job):
    outcome = await job("sh", stdin=("exit 7",), transform={"accept_return_code": frozenset({7})})
    assert outcome.status == 0


async def test_err_cmd_runs_after_each_failure_and_makes_the_datum_recovered(job, store):
    transform = {"err_cmd": ("sh",), "err_stdin": ("echo recovering",)}
    outcome = await job("false", datum_tries=2, transform=transform)
    assert outcome.status == 0
    assert job.said() == ["recovering", "recovering"]
    assert (outcome.job.data_recovered, outcome.job.data_failed) == (1, 0)
    assert await keys(store, outcome.commit) == []


async def test_a_failing_err_cmd_recovers_nothing(job):
    assert (await job("false", datum_tries=1, transform={"err_cmd": ("false",)})).status == 1


async def test_err_cmd_may_accept_a_status_too(job):
    transform = {"err_cmd": ("sh", "-c", "exit 7"), "accept_return_code": frozenset({7})}
    assert (await job("false", datum_tries=1, transform=transform)).job.data_recovered == 1


async def test_err_cmd_runs_after_a_timeout_too(job):
    transform = {"err_cmd": ("true",)}
    timeout = 3.0  # within which err_cmd has to begin and end on a busy machine too
    outcome = await job("sleep", "1000", datum_tries=1, datum_timeout_seconds=timeout, transform=transform)
    assert (outcome.status, outcome.job.data_recovered) == (0, 1)


async def test_what_succeeds_after_it_was_recovered_has_succeeded(job, tmp_path):
    script = f"test -e {tmp_path}/again && exit 0; touch {tmp_path}/again; exit 1"
    outcome = await job("sh", "-c", script, datum_tries=2, transform={"err_cmd": ("true",)})
    assert (outcome.job.data_processed, outcome.job.data_recovered) == (1, 0)


async def test_datum_timeout_ends_a_try(job):
    outcome = await job("sleep", "1000", datum_tries=2, datum_timeout_seconds=0.2)
    assert (outcome.status, outcome.job.state) == (124, JobState.FAILURE)
    assert outcome.reason == "sleep 1000 was ended by the datum_timeout of 0.2s on try 2 of 2"


async def test_job_timeout_ends_the_job(job, store):
    outcome = await job("sleep", "1000", datum_tries=9, job_timeout_seconds=0.3)
    assert (outcome.status, outcome.job.state) == (124, JobState.KILLED)
    assert outcome.reason == "the job was ended by the job_timeout of 0.3s"
    assert len(await jobs.attempts(store, job.key)) == 1
    assert await head(store) is None


async def test_a_stop_before_the_seal_publishes_nothing(job, store):
    async with trio.open_nursery() as nursery:
        outcomes = []

        async def run():
            outcomes.append(await job("sh", "-c", "trap '' TERM; echo ready; sleep 1000; sleep 1000"))

        nursery.start_soon(run)
        with trio.fail_after(20):
            while "ready" not in job.said():  # noqa: ASYNC110  # the record comes by a plain call
                await trio.sleep(0.01)
        job.stop.ask("stopped by SIGTERM", 15)
    (outcome,) = outcomes
    assert (outcome.status, outcome.job.state) == (143, JobState.KILLED)
    assert outcome.reason == "the job was stopped by SIGTERM"
    assert await head(store) is None
    assert "stopping, 0.5s grace; again to kill" in job.said(user=False)


async def test_cancelled_it_is_abandoned(job, store):
    with trio.move_on_after(0.5):
        await job("sleep", "1000")
    (found,) = await jobs.list_jobs(store, "default", "copy")
    assert (found.state, found.status) == (JobState.KILLED, 143)


async def test_a_stop_after_the_seal_is_not_heard(job, store):
    """What was computed is complete: to throw it away would help nobody."""
    job.sink = lambda record: job.stop.ask("stopped by SIGTERM", 15) if record.get("event") == "job.sealed" else None
    outcome = await job("true")
    assert outcome.status == 0
    assert await head(store) == outcome.commit.id


async def test_a_second_stop_after_the_seal_leaves_it_to_the_next_command(job, store, tmp_path):
    def insist(record):
        if record.get("event") == "job.sealed":
            job.stop.ask("stopped by SIGINT", 2)
            job.stop.ask("stopped by SIGINT", 2)

    job.sink = insist
    outcome = await job("true")
    # The commit may have been under way already; what is told is what is.
    assert (outcome.status, outcome.job.state) in ((130, JobState.FINISHING), (0, JobState.SUCCESS))
    async with open_store(tmp_path / "store") as again:
        assert await head(again) == job.key.id
        record = await jobs.record(again, job.key)
    assert record["output"]["objects"] == 1
    assert record["attempts"][0]["status"] == 0


async def test_an_empty_input_leaves_nothing_to_run(job, store, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a").write_text("")
    await import_folder(store, tmp_path / "empty", "default", "labresults", "empty")
    (tmp_path / "empty" / "a").unlink()
    commit, _ = await import_folder(store, tmp_path / "empty", "default", "labresults", "empty")
    outcome = await job("false", inputs=[JobInput("labresults", "default", "labresults", "empty", commit.id)])
    assert (outcome.status, outcome.job.state, outcome.job.data_total) == (0, JobState.SUCCESS, 0)
    assert "not run" in outcome.reason
    assert await head(store) == outcome.commit.id


async def test_an_error_of_the_store_comes_out_bare_and_the_job_is_abandoned(job, store):
    @asynccontextmanager
    async def serve(view, token):
        raise Unavailable("the disk is full")
        yield

    with pytest.raises(Unavailable, match="the disk is full"):
        await job("true", serve=serve)
    (found,) = await jobs.list_jobs(store, "default", "copy")
    assert (found.state, found.status, found.reason) == (JobState.KILLED, 75, "the disk is full")


async def test_what_is_said_is_kept_with_the_job(job, store):
    await job("sh", stdin=("echo one", "echo two >&2"))
    lines = [line for _, line in await read(store, job.key)]
    users = {(line["stream"], line["message"]) for line in lines if line.get("user")}
    assert users == {("stdout", "one"), ("stderr", "two")}
    events = [line["event"] for line in lines if not line.get("user")]
    assert events[0] == "job.started"
    assert events[-1] == "job.succeeded"
    assert all(line["jobId"] == job.key.id and line["pipelineName"] == "copy" for line in lines)
    assert all(len(line["datumId"]) == 64 for line in lines if line.get("user"))


async def test_with_authentication_each_try_has_a_token_that_no_log_shows(job, host, store):
    tokens = iter([f"rnr_{n}{'x' * 42}" for n in range(9)])
    outcome = await job(
        "sh", stdin=("echo $AWS_SECRET_ACCESS_KEY; exit 1",), datum_tries=2,
        host=replace(host, new_token=lambda: next(tokens)),
    )  # fmt: skip
    assert outcome.status == 1
    assert len(set(job.tokens)) == 2
    assert job.said() == ["***", "***"]
    assert "rnr_" not in str(await read(store, job.key))


async def test_pfs_shows_an_empty_folder_for_each_bucket_and_no_out(job, host):
    await job("sh", "-c", 'cd "${labresults%/*}" && ls -A . && ls -A labresults && stat -c %a labresults && cat .env')
    lines = job.said()
    assert lines[:3] == [".env", "labresults", "700"]
    assert f"S3_ENDPOINT={ENDPOINT}" in lines


async def test_pfs_is_the_folder_itself_where_it_can_be(job, host, tmp_path):
    (tmp_path / "pfs").mkdir()
    await job("sh", "-c", "echo $labresults && ls -d $labresults", host=replace(host, pfs=tmp_path / "pfs"))
    assert job.said() == [f"{tmp_path}/pfs/labresults"] * 2
    assert list((tmp_path / "pfs").iterdir()) == []


async def test_pfs_appears_at_the_root_where_the_machine_has_none(job, host):
    """Or, where no namespaces are permitted, in the folder that RUNNER_PFS names."""
    pfs = Path("/pfs-of-a-test")
    await job("sh", "-c", "echo $RUNNER_PFS; ls $RUNNER_PFS; cd / && ls -d usr", host=replace(host, pfs=pfs))
    shown, *rest = job.said()
    assert (shown == str(pfs)) == host.isolation.root
    assert rest == ["labresults", "usr"]
    assert not await trio.Path(pfs).exists()


async def test_without_namespaces_pfs_is_links_where_it_is_a_folder_to_write_to(job, host, tmp_path):
    (tmp_path / "pfs").mkdir()
    bare = replace(host, isolation=NO_ISOLATION, pfs=tmp_path / "pfs")
    await job("sh", "-c", "echo $labresults && ls -A $RUNNER_PFS", host=bare)
    assert job.said() == [f"{tmp_path}/pfs/labresults", ".env", "labresults"]
    assert list((tmp_path / "pfs").iterdir()) == []


async def test_without_namespaces_a_job_runs_too(job, host):
    bare = replace(host, isolation=NO_ISOLATION, settings=replace(host.settings, private_tmp=True))
    outcome = await job("sh", "-c", "ls $RUNNER_PFS && ls -A $TMPDIR && echo x > $TMPDIR/x && sleep 1000 &", host=bare)
    assert outcome.status == 0
    assert "no mounts are permitted here: only TMPDIR is private" in job.said(user=False)
    assert list(host.scratch.iterdir()) == []


async def test_a_secret_is_seen_by_the_code_and_by_nobody_else(job, host, store, tmp_path):
    for path, text in (("secrets/db/password", "hunter2hunter2"), ("mount/.keep", "")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    secret = Secret("db", "password", mount_path=str(tmp_path / "mount"), env_var="PASSWORD")
    script = f"echo $PASSWORD; test hunter2hunter2 = $(cat {tmp_path}/mount/password) && echo same"
    await job(
        "sh", "-c", script, host=replace(host, secrets_folder=tmp_path / "secrets"), transform={"secrets": (secret,)}
    )
    assert job.said() == ["***", "same"]
    assert not (tmp_path / "mount" / "password").exists()
    assert "hunter2" not in str(await jobs.record(store, job.key))


async def test_another_user_of_the_spec_finds_his_files_if_we_may_become_him(job):
    transform = {"user": "nobody"}
    if os.geteuid() != 0:
        with pytest.raises(NoSuchUser, match="only root"):
            await job("true", transform=transform)
        return
    script = "id -un; cat $AWS_CONFIG_FILE > /dev/null && ls $labresults && echo readable; echo $HOME"
    await job("sh", "-c", script, transform=transform)
    assert job.said() == ["nobody", "readable", pwd.getpwnam("nobody").pw_dir]


def test_a_user_without_a_group_is_who_we_are_whatever_our_group():
    """A pod says both by numbers, and the image's password file may name another group for that user."""
    gid = os.getegid()
    if os.geteuid() == 0:
        os.setegid(gid + 7)
    try:
        assert find_user(str(os.geteuid())) is None
        assert find_user(f"{os.geteuid()}:{os.getegid()}") is None
    finally:
        os.setegid(gid)


async def test_generated_files_are_where_the_variables_say(job):
    await job("sh", "-c", 'cat "$AWS_CONFIG_FILE"; stat -c %a "$AWS_SHARED_CREDENTIALS_FILE"')
    assert f"endpoint_url = {ENDPOINT}" in job.said()
    assert job.said()[-1] == "600"


async def test_nothing_is_left_in_the_scratch_folder(job, host):
    await job("sh", "-c", 'echo x > "$RUNNER_PFS/litter"')
    assert list(host.scratch.iterdir()) == []


async def test_private_tmp_is_empty_and_its_own(job, host, tmp_path):
    private = replace(host, settings=replace(host.settings, private_tmp=True))
    script = (
        "mkdir -p ${TMPDIR:-/tmp}/result && ls ${TMPDIR:-/tmp} && cat $AWS_CONFIG_FILE > /dev/null && echo readable"
    )
    await job("sh", "-c", script, host=private)
    assert "result" in job.said()
    assert job.said()[-1] == "readable"
    await job("sh", "-c", "test ! -e ${TMPDIR:-/tmp}/result && echo fresh", host=private)
    assert job.said()[-1] == "fresh"


async def test_leftovers_are_killed_and_named(job):
    await job("sh", "-c", "sleep 1000 & exit 0")
    assert [said for said in job.said(user=False) if said.startswith("it left behind: s")]  # sh, or already sleep


async def test_two_jobs_make_one_history(job, store):
    first = await job("true")
    job.views.clear()
    second = await job("true")
    commit = await commits.resolve(store, address.parse("copy@master"))
    assert commit.id == second.commit.id
    assert commit.parent == first.commit.id
