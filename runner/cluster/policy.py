"""How long a Job may take, and which ends of its pod are worth another.

The statuses are those of every command of ours: the user's own status never reaches Kubernetes, so that the two kinds
of failure can be told apart.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
"""

from __future__ import annotations

import math
from typing import Any

FATAL = (1, 2, 3, 4, 124)
"""The code failed, the spec is wrong, something newer is there, bytes are damaged, the spec's time is over: the same
again would end the same."""

RETRIED = (70, 75, 137, 143)
"""Our bug, a store out of reach, SIGKILL, SIGTERM: another pod may do better, up to `RETRIES`."""

RETRIES = 6
"""With Kubernetes' back-off, 10 s doubled each time, a store may be out of reach for ten minutes."""

START_SECONDS = 600
"""For a pod to be scheduled, its image to be pulled and the back-off before it."""

KEPT_SECONDS = 86_400
"""A finished Job and the logs of its pod stay for a day."""


def failure_policy(container: str) -> dict[str, Any]:
    """Return the rules by which the Job's controller goes, the first that fits.

    A disruption comes first: a node that is drained or short of memory may end the code in any way.
    """
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            _on_statuses("FailJob", container, FATAL),
            _on_statuses("Count", container, RETRIED),
        ]
    }


def deadline_seconds(timeout_seconds: float | None, grace_seconds: int) -> int | None:
    """Return the seconds after which the Job is ended from outside, all its pods together; None: never.

    The runner itself holds the spec's timeout; this is for a pod that never comes so far.
    """
    if timeout_seconds is None:
        return None
    return (RETRIES + 1) * (math.ceil(timeout_seconds) + grace_seconds + START_SECONDS)


def _on_statuses(action: str, container: str, statuses: tuple[int, ...]) -> dict[str, Any]:
    return {
        "action": action,
        "onExitCodes": {"containerName": container, "operator": "In", "values": list(statuses)},
    }
