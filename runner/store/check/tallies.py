"""What is counted when it happens: the counts are those of the rows that are there."""

from __future__ import annotations

from runner.model.job import JobState
from runner.store.catalog.codes import JOB_STATE, JOB_TERMINAL_FROM
from runner.store.catalog.query import Snapshot
from runner.store.check.naming import Naming
from runner.store.check.report import Report
from runner.store.jobs.tallies import HALF_HOUR_US

_TALLIES = f"""
    SELECT pipeline, state, sum(told), sum(found) FROM (
        SELECT pipeline, state, jobs AS told, 0 AS found FROM tally
        UNION ALL SELECT pipeline, state, 0, 1 FROM job WHERE state >= {JOB_TERMINAL_FROM}
    ) x GROUP BY pipeline, state HAVING sum(told) != sum(found)
"""  # noqa: S608  # constants
_HALF_HOURS = f"""
    SELECT pipeline, state, sum(told), sum(found) FROM (
        SELECT pipeline, n, state, jobs AS told, 0 AS found FROM half_hour
        UNION ALL SELECT pipeline, finished_us / {HALF_HOUR_US}, state, 0, 1 FROM job WHERE state >= {JOB_TERMINAL_FROM}
    ) x GROUP BY pipeline, n, state HAVING sum(told) != sum(found)
"""  # noqa: S608  # constants


def check_tallies(db: Snapshot, report: Report) -> None:
    """As many jobs of each pipeline ended in each state as was counted, and when."""
    naming = Naming(db)
    for statement, where in ((_TALLIES, ""), (_HALF_HOURS, " in half an hour")):
        for pipeline, state, told, found in db.execute(statement):
            word = JOB_STATE.word(state).lower() if 0 <= state < len(JobState) else f"the state {state}"
            what = f"the pipeline of number {pipeline} has {found:,} jobs of {word}{where}, not {told:,}"
            report.tell(what, [naming.pipeline(pipeline)])
