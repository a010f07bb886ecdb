"""What must be settled before a job is opened: whatever is wrong here is wrong before anything ran."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from runner.host.cgroups import Cgroups
from runner.host.objectstores import Location
from runner.host.process import Isolation, User
from runner.host.sections import JobSettings
from runner.host.spans import Spans
from runner.job.datums import InputNotSupported
from runner.job.egress import target_of
from runner.job.limits import Limits, find_limits
from runner.job.provenance import Machine
from runner.job.secrets import Secrets, find_secrets
from runner.model.errors import Invalid
from runner.model.pipeline import Pipeline

_LARGEST_ID = 2**32 - 2  # one more means "leave it" to the kernel


class NoCommand(Invalid):
    """The spec has nothing to run."""


class NoSuchUser(Invalid):
    """The spec's user is unknown here, or we may not become him."""


@dataclass(frozen=True, slots=True)
class JobHost:
    """What machine and settings give to jobs.

    Attributes:
        inherited: The runner's own environment.
        scratch: Folder for what an attempt needs on disk; on the store's disk, which is the large one.
        isolation: What the machine permits and the settings want.
        machine: As it stands in records.
        settings: ``[job]``.
        credentials: Patterns of the variables that hold those of the store; commands do not inherit them.
        region: That the code is told.
        new_token: Draws a token for each attempt; None: authentication is off.
        secrets_folder: Holds ``<name>/<key>``.
        given_secrets: Files by name and key, of the command line.
        spans: Measures jobs and their parts.
        pfs: Where files of inputs appear when that folder exists and mounts are permitted.
        cgroups: Where the limits of a spec are held.
    """

    inherited: Mapping[str, str]
    scratch: Path
    isolation: Isolation
    machine: Machine
    settings: JobSettings
    credentials: Sequence[str] = ()
    region: str = "us-east-1"
    new_token: Callable[[], str] | None = None
    secrets_folder: Path | None = None
    given_secrets: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    spans: Spans = field(default_factory=Spans)
    pfs: Path = Path("/pfs")
    cgroups: Cgroups = field(default_factory=Cgroups)


@dataclass(frozen=True, slots=True)
class Ready:
    """A pipeline that nothing stands in the way of; *user* None: the runner's own; *egress* None: it has none."""

    pipeline: Pipeline
    host: JobHost
    secrets: Secrets
    user: User | None
    limits: Limits
    egress: Location | None = None


def prepare(pipeline: Pipeline, host: JobHost) -> Ready:
    """Settle what *pipeline* needs of *host*; nothing is made.

    Raises:
        NoCommand, InputNotSupported, NoSuchUser, SecretMissing, SecretHasNoPlace, NotAQuantity, LocationInvalid,
            ExtraMissing: (Invalid) the spec cannot be run here.
    """
    if not pipeline.transform.cmd:
        raise NoCommand(f"pipeline {pipeline.name!r} has nothing to run", hint="give it a transform.cmd")
    if pipeline.input is None:
        raise InputNotSupported(f"pipeline {pipeline.name!r} has no input", hint="give it one")
    secrets = find_secrets(
        pipeline.transform.secrets,
        folder=host.secrets_folder,
        given=host.given_secrets,
        can_mount=host.isolation.namespaces,
    )
    user, limits = find_user(pipeline.transform.user), find_limits(pipeline, host.settings, host.cgroups)
    if user is not None:  # the runner's own home is closed to him
        host = replace(host, inherited={**host.inherited, "HOME": user.home})
    return Ready(pipeline, host, secrets, user, limits, target_of(pipeline.egress))


def find_user(text: str) -> User | None:
    """Look up ``user[:group]`` or ``uid[:gid]``; None: it is who we are.

    Raises:
        NoSuchUser.
    """
    if not text:
        return None
    name, _, group = text.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        uid, gid, home = entry.pw_uid, entry.pw_gid, entry.pw_dir
        groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    except KeyError as exc:
        if not name.isdecimal():
            raise NoSuchUser(f"user {name!r} of the spec does not exist here") from exc
        uid = gid = int(name)  # a number needs no name, as in a container
        groups, home = (gid,), "/"  # where a container has him at home
    if group:
        try:
            gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        except KeyError as exc:
            raise NoSuchUser(f"group {group!r} of the spec does not exist here") from exc
        groups = (gid,)
    if max(uid, gid) > _LARGEST_ID:
        raise NoSuchUser(f"user {text!r} of the spec is no number that a user can have")
    if uid == os.geteuid() and (not group or gid == os.getegid()):
        return None  # a user alone leaves the group open, also where the password file names one
    if os.geteuid() != 0:
        raise NoSuchUser(
            f"only root may run commands as {text!r}", hint="leave transform.user out, or run as that user"
        )
    return User(uid, gid, groups, home)
