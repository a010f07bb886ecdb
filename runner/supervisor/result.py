"""How a job ended, as the other side and whoever asks over the network are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.job.outcome import status_of
from runner.model.errors import RunnerError
from runner.model.job import Job, JobKey, JobState

_STATUS_BUG = 70


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended.

    Attributes:
        status: The runner's for it.
        sentence: For a person.
        job: As the store has it; None: it did not come to that.
    """

    key: JobKey
    status: int
    sentence: str
    job: Job | None = None

    @property
    def document(self) -> Mapping[str, Any]:
        """As it is told over the network, in Pachyderm's names."""
        document: dict[str, Any] = {
            "job": {"pipeline": {"project": {"name": self.key.project}, "name": self.key.pipeline}, "id": self.key.id},
            "status": self.status,
            "message": self.sentence,
        }
        if self.job is not None:
            document["state"] = f"JOB_{self.job.state}"
            if self.job.state is JobState.SUCCESS:
                repo = {"name": self.job.output_repo, "type": "user", "project": {"name": self.key.project}}
                branch = {"repo": repo, "name": self.job.output_branch}
                document["outputCommit"] = {"repo": repo, "id": self.key.id, "branch": branch}
        return document


def broken(key: JobKey, exc: Exception) -> Result:
    """Return what the other side is told when its job could not be brought to its end."""
    if isinstance(exc, RunnerError):
        return Result(key, status_of(exc), f"{key}: {exc.message}")
    return Result(key, _STATUS_BUG, f"{key}: the sidecar met a bug of its own")


def sentence_of(job: Job, nothing: str = "") -> str:
    """Say how a job ended; *nothing* is why it had nothing to do, if it had not."""
    if job.state is JobState.SUCCESS:
        done = f"{job.key} succeeded: {job.output_repo}@{job.output_branch} has its commit"
        return f"{done}; {nothing}" if nothing else done
    return f"{job.key}: {job.reason}"
