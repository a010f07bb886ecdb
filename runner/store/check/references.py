"""Rows that belong to another row: that one is there."""

from __future__ import annotations

from typing import NamedTuple

from runner.model.account import AccessLevel
from runner.store.catalog.codes import JOB_TERMINAL_FROM
from runner.store.catalog.query import Snapshot
from runner.store.check.report import Report


class _Belonging(NamedTuple):
    """What a row of a table belongs to: *named*, an expression over the row ``x``, tells which one it is."""

    table: str
    named: str
    owner: str
    condition: str


_JOB = "o.id = x.job"
_BRANCH = "o.repo = x.repo AND o.name = x.branch"
_PIPELINE = "o.id = x.pipeline"
_VERSION = "o.pipeline = x.pipeline AND o.version = x.version"
_ACCOUNT = "o.id = x.account"

_BELONGINGS = (
    _Belonging("pipeline_version", "x.version", "pipeline", _PIPELINE),
    _Belonging("registration", "x.version", "pipeline_version", _VERSION),
    _Belonging("trigger", "x.repo || '@' || x.branch", "registration", "o.pipeline = x.pipeline"),
    _Belonging("follow", "x.repo || '@' || x.branch", "registration", "o.pipeline = x.pipeline"),
    _Belonging("job", "x.uuid", "pipeline_version", _VERSION),
    _Belonging("job_input", "x.name", "job", _JOB),
    _Belonging("queue", "x.job", "job", f"{_JOB} AND o.state < {JOB_TERMINAL_FROM}"),
    _Belonging("stop", "x.job", "job", _JOB),
    _Belonging("datum", "x.datum", "job", _JOB),
    _Belonging("produced", "x.datum", "datum", "o.id = x.datum"),
    _Belonging("attempt", "x.datum", "job", _JOB),
    _Belonging("log_chunk", "x.first_line", "job", _JOB),
    _Belonging("observed", "x.input", "job", _JOB),
    _Belonging("stack", "x.n", "job", _JOB),
    _Belonging("stack", "x.n", "layer", "o.id = x.layer"),
    _Belonging("burst", "x.branch", "branch", _BRANCH),
    _Belonging("burst", "x.branch", "layer", "o.id = x.layer"),
    _Belonging("document", "x.branch || ' ' || x.name", "branch", _BRANCH),
    _Belonging("part", "x.upload", "upload", "o.id = x.upload"),
    _Belonging("token", "x.created_us", "account", _ACCOUNT),
    _Belonging("access", "x.repo", "account", _ACCOUNT),
    _Belonging("difference", "x.commit_id", "commits", "o.id = x.commit_id"),
    _Belonging("run", "x.layer", "layer", "o.id = x.layer"),
)
_LEVELS = ", ".join(str(int(level)) for level in AccessLevel)


def check_references(db: Snapshot, report: Report) -> None:
    """Every row that cannot stand alone belongs to one that is there, and every right is one that exists."""
    for each in _BELONGINGS:
        rows = db.scan(
            f"SELECT {each.named} FROM {each.table} x"  # noqa: S608  # constants
            f" WHERE NOT EXISTS (SELECT 1 FROM {each.owner} o WHERE {each.condition})"
        )
        for (named,) in rows:
            report.tell(f"{each.table} {named} belongs to a {each.owner} that is not there")
    rows = db.scan(
        f"SELECT x.repo, x.level FROM access x WHERE x.level NOT IN ({_LEVELS})"  # noqa: S608  # constants
        " OR (x.repo != 0 AND NOT EXISTS (SELECT 1 FROM repo o WHERE o.id = x.repo))"
    )
    for repo, level in rows:
        report.tell(f"a right of level {level} to the repo of number {repo} makes no sense")
