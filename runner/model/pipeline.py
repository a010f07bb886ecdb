"""A pipeline in our words: what a spec says, after its defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

OUTPUT_BUCKET = "out"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that the transform asks for: a file below *mount_path*, a variable *env_var*, or both."""

    name: str
    key: str = ""
    mount_path: str = ""
    env_var: str = ""


@dataclass(frozen=True, slots=True)
class Transform:
    """The user's code.

    Attributes:
        cmd: Argument vector; no shell.
        stdin: Lines for its standard input, joined with a newline and one at the end; None: /dev/null.
        err_cmd: Run after each failed attempt; empty: none.
        err_stdin: As *stdin*.
        env: Variables of the spec.
        secrets: What it asks for.
        accept_return_code: Further statuses that count as success; 0 always does.
        user: ``user[:group]`` or ``uid[:gid]``; empty: the runner's own.
        working_dir: Empty: the runner's own.
        image: The container image that the spec names.
    """

    cmd: tuple[str, ...]
    stdin: tuple[str, ...] | None = None
    err_cmd: tuple[str, ...] = ()
    err_stdin: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    accept_return_code: frozenset[int] = frozenset()
    user: str = ""
    working_dir: str = ""
    image: str = ""


class CompositeKind(StrEnum):
    """How a composite input combines its children."""

    CROSS = "cross"
    UNION = "union"
    JOIN = "join"
    GROUP = "group"


class PipelineState(StrEnum):
    """Pachyderm's states of a pipeline that is registered: triggers make its jobs, or somebody stopped that."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True)
class Trigger:
    """When the branch of an input goes after another branch of its repo.

    Attributes:
        branch: That other one.
        all: Every condition must hold; else one is enough.
        rate_limit_spec: A cron expression of which a tick came since the last time; empty: no condition.
        size_bytes: So much more data; 0: no condition.
        commits: So many commits; 0: no condition.
        cron_spec: At the ticks of a cron expression; empty: no condition.
    """

    branch: str
    all: bool = False
    rate_limit_spec: str = ""
    size_bytes: int = 0
    commits: int = 0
    cron_spec: str = ""


@dataclass(frozen=True, slots=True)
class PfsInput:
    """A branch of a repo as input; with *s3* it is the bucket *name*.

    Attributes:
        propagates: A commit on the branch makes a job.
        trigger: When the branch moves; None: when somebody commits to it.
    """

    name: str
    project: str
    repo: str
    branch: str
    glob: str
    s3: bool = False
    lazy: bool = False
    empty_files: bool = False
    join_on: str = ""
    outer_join: bool = False
    group_by: str = ""
    reference: bool = False
    propagates: bool = True
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class CronInput:
    """A clock as input: a repo that gets an empty file at each tick, named by its time."""

    branch: ClassVar[str] = "master"
    glob: ClassVar[str] = "/*"
    s3: ClassVar[bool] = False
    propagates: ClassVar[bool] = True

    name: str
    project: str
    repo: str
    spec: str
    overwrite: bool = False
    start: str = ""


@dataclass(frozen=True, slots=True)
class CompositeInput:
    """Several inputs, in the order of their names."""

    kind: CompositeKind
    children: tuple[Input, ...]


Input = PfsInput | CronInput | CompositeInput


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline.

    Attributes:
        input: None only for what is refused later (a spout).
        datum_tries: Attempts for each datum, at least 1.
        datum_timeout_seconds: For the user code of one attempt; None: no limit.
        job_timeout_seconds: From RUNNING on; None: no limit.
        egress: URL that the output is copied to; empty: nowhere.
        spec: The effective spec, camelCase, as JSON values.
        digest: BLAKE2b-256 hex of the canonical JSON of *spec*.
    """

    project: str
    name: str
    transform: Transform
    input: Input | None
    s3_out: bool = False
    output_branch: str = "master"
    description: str = ""
    datum_tries: int = 3
    datum_timeout_seconds: float | None = None
    job_timeout_seconds: float | None = None
    reprocess_spec: str = "until_success"
    egress: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    def leaves(self) -> Iterator[PfsInput | CronInput]:
        """Yield every pfs and cron input, depth first."""
        pending: list[Input] = [self.input] if self.input else []
        while pending:
            node = pending.pop(0)
            if isinstance(node, CompositeInput):
                pending[:0] = node.children
            else:
                yield node

    @property
    def has_buckets(self) -> bool:
        """Whether its code finds a gateway: an input or the output is a bucket."""
        return self.s3_out or bool(self.s3_inputs())

    def s3_inputs(self) -> tuple[PfsInput, ...]:
        """Return the inputs that appear as buckets."""
        return tuple(leaf for leaf in self.leaves() if isinstance(leaf, PfsInput) and leaf.s3)
