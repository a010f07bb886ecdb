"""One job's life as values, from which the tests of the command line draw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runner.cli.stories import Change, InputRead, Story
from runner.model.account import Access, AccessLevel, Account
from runner.model.commit import Branch, Commit, CommitOrigin, CommitState, Repo
from runner.model.entry import Attributes, Entry
from runner.model.ids import CommitId
from runner.model.job import (
    Attempt,
    DatumFile,
    DatumState,
    Job,
    JobDatum,
    JobInput,
    JobKey,
    JobState,
    ProcessExit,
    ResourceUsage,
)

NOW = datetime(2026, 11, 22, 9, 14, 3, 113204, tzinfo=UTC)
ID = CommitId("7c1e4b0a9d2f4c6e8b3a5f7091d2c3e4")
INPUT_ID = CommitId("4f1c09b2e58b41c4a7704fa0b1c2a9e6")
HEAD = CommitId("9ad2e7f0c3d44b7ea1b2c3d4e5f60718")

INPUT = JobInput("labresults", "default", "labresults", "master", INPUT_ID)
JOB = Job(
    JobKey("default", "lab_summary", ID),
    version=12,
    state=JobState.SUCCESS,
    output_repo="lab_summary",
    output_branch="master",
    inputs=(INPUT, replace(INPUT, name="wards", repo="wards")),
    created=NOW,
    started=NOW,
    finished=NOW + timedelta(seconds=62),
    status=0,
    data_total=1,
    data_processed=1,
    read_bytes=945_500_000,
    written_bytes=100_873_011,
)
COMMIT = Commit(
    "default",
    "lab_summary",
    ID,
    "master",
    HEAD,
    CommitState.FINISHED,
    CommitOrigin.AUTO,
    digest=bytes(32),
    objects=1310,
    size_bytes=100_873_011,
    started=NOW,
    finished=NOW,
)
ATTEMPT = Attempt(
    "ab" * 32, 1, NOW, NOW + timedelta(seconds=61), ProcessExit(0, None, ResourceUsage(1.5, 0.2, 52_428_800))
)
READS = (
    InputRead("labresults", 1204, 1310, 945_500_000, absent=(b"_state.json",)),
    InputRead("wards", 0, 14, asked=False),
)

GOOD = Story(
    JOB,
    command="python3 /app/summarise.py",
    tries=3,
    attempts=(ATTEMPT,),
    reads=READS,
    requests=1531,
    output=COMMIT,
    change=Change(added=1, changed=22),
    head=ID,
)
FIRST = replace(GOOD, change=None)
WHY = "python3 /app/summarise.py exited 1 on try 3 of 3: KeyError: 'ward_code'"
FAILED = replace(
    GOOD,
    job=replace(JOB, state=JobState.FAILURE, status=1, reason=WHY, finished=NOW + timedelta(seconds=63)),
    attempts=tuple(
        replace(ATTEMPT, number=number, exit=ProcessExit(1, None), reason="exited 1") for number in (1, 2, 3)
    ),
    output=None,
    change=None,
    quarantined=replace(COMMIT, state=CommitState.QUARANTINED, objects=301, size_bytes=33_354_342),
    head=HEAD,
    last_read=("labresults", b"2026/11/21/ward-07/hba1c.csv"),
    news="new",
)
STOPPED = replace(FAILED, job=replace(FAILED.job, state=JobState.KILLED, status=143, reason="the runner got SIGTERM"))
LOST = replace(FAILED, job=replace(STOPPED.job, status=3, reason="branch lab_summary@master was deleted"))
SKIPPED = replace(
    FIRST,
    job=replace(JOB, data_total=0, data_processed=0, finished=NOW + timedelta(seconds=0.1)),
    attempts=(),
    reads=(InputRead("labresults", 0, 0, asked=False),),
    output=replace(COMMIT, objects=0, size_bytes=0),
)

REPO = Repo("default", "labresults", NOW, "from the lab", 945_500_000)
BRANCH = Branch("default", "labresults", "master", INPUT_ID, NOW)
ENTRY = Entry(
    "2026/11/ward 03/hämo\tglobin.csv".encode(),
    39_014,
    "9e107d9d372bb6826bd81d3542a419d6",
    bytes(range(32)),
    NOW,
    Attributes({"content-type": "text/csv"}, {"mtime": "1"}),
)
ACCOUNT = Account(
    "ada", NOW, 1, (Access("", "*", AccessLevel.READ), Access("default", "labresults", AccessLevel.OWNER))
)

DATUM = JobDatum("ab" * 32, DatumState.SUCCESS, (DatumFile("wards", "/ward 03/", 3, 310),), 2, 55)
