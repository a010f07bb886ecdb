"""From what was written to what holds: defaults, the effective spec, its digest, and the pipeline in model words.

Source: https://github.com/pachyderm/pachyderm/blob/master/src/server/pps/server/defaults.go
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from runner.model.pipeline import (
    CompositeInput,
    CompositeKind,
    CronInput,
    Input,
    PfsInput,
    Pipeline,
    Secret,
    Transform,
    Trigger,
)
from runner.model.provenance import canonical
from runner.spec.durations import parse_duration
from runner.spec.globs import clean_glob
from runner.spec.schema import Egress, InputSpec, PipelineSpec, TransformSpec
from runner.spec.schema import Trigger as TriggerSpec
from runner.spec.sizes import parse_size

DEFAULTS: Mapping[str, Any] = {
    "transform": {"image": "ubuntu:20.04"},
    "outputBranch": "master",
    "datumTries": 3,
    "reprocessSpec": "until_success",
}
DEFAULT_BRANCH = "master"
COMPOSITES = tuple(kind.value for kind in CompositeKind)


def merge(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return *target* with *patch* applied as RFC 7396 has it: objects merge, null deletes, the rest replaces."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merge(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def effective_spec(spec: PipelineSpec, project: str) -> dict[str, Any]:
    """Return *spec* with every default written out, as JSON values with JSON names."""
    document: dict[str, Any] = spec.model_dump(by_alias=True)
    pipeline = document["pipeline"]
    project = pipeline.setdefault("project", {}).setdefault("name", project)
    for name, value in DEFAULTS.items():
        if not isinstance(value, Mapping):
            document.setdefault(name, value)
    document["transform"].setdefault("image", DEFAULTS["transform"]["image"])
    if "input" in document:
        _fill_input(document["input"], pipeline["name"], project, Counter())
    return document


def _fill_input(node: dict[str, Any], pipeline: str, project: str, triggers: Counter[str]) -> None:
    for kind in COMPOSITES:
        for child in node.get(kind, ()):
            _fill_input(child, pipeline, project, triggers)
    if "pfs" in node:
        pfs = node["pfs"]
        pfs.setdefault("project", project)
        pfs.setdefault("name", pfs["repo"])
        pfs.setdefault("branch", _default_branch(pfs, pipeline, triggers))
        pfs["glob"] = clean_glob(pfs["glob"])
        if "trigger" in pfs:
            pfs["trigger"].setdefault("branch", DEFAULT_BRANCH)
    if "cron" in node:
        cron = node["cron"]
        cron.setdefault("project", project)
        cron.setdefault("repo", f"{pipeline}_{cron['name']}")


def _default_branch(pfs: Mapping[str, Any], pipeline: str, triggers: Counter[str]) -> str:
    if "trigger" not in pfs:
        return DEFAULT_BRANCH
    triggers[pfs["repo"]] += 1
    return f"{pipeline}-trigger-{triggers[pfs['repo']]}"


def pipeline_of(document: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that the effective spec *document* describes."""
    spec = PipelineSpec.model_validate(document)
    name, where = spec.pipeline, spec.pipeline and spec.pipeline.project
    return Pipeline(
        project=(where and where.name) or "",
        name=(name and name.name) or "",
        transform=_transform(spec.transform or TransformSpec()),
        input=_input(spec.input) if spec.input else None,
        s3_out=bool(spec.s3_out),
        output_branch=spec.output_branch or DEFAULT_BRANCH,
        description=spec.description or "",
        datum_tries=spec.datum_tries or DEFAULTS["datumTries"],
        datum_timeout_seconds=parse_duration(spec.datum_timeout) if spec.datum_timeout else None,
        job_timeout_seconds=parse_duration(spec.job_timeout) if spec.job_timeout else None,
        reprocess_spec=spec.reprocess_spec or DEFAULTS["reprocessSpec"],
        egress=_egress(spec.egress) if spec.egress else "",
        spec=document,
        digest=hashlib.blake2b(canonical(document), digest_size=32).hexdigest(),
    )


def _egress(spec: Egress) -> str:
    return spec.url or (spec.object_storage.url if spec.object_storage else None) or ""


def _transform(spec: TransformSpec) -> Transform:
    return Transform(
        cmd=tuple(spec.cmd or ()),
        stdin=tuple(spec.stdin) if spec.stdin else None,
        err_cmd=tuple(spec.err_cmd or ()),
        err_stdin=tuple(spec.err_stdin) if spec.err_stdin else None,
        env=dict(spec.env or {}),
        secrets=tuple(
            Secret(secret.name or "", secret.key or "", secret.mount_path or "", secret.env_var or "")
            for secret in spec.secrets or ()
        ),
        accept_return_code=frozenset(spec.accept_return_code or ()),
        user=spec.user or "",
        working_dir=spec.working_dir or "",
        image=spec.image or "",
    )


def _input(spec: InputSpec) -> Input:
    if pfs := spec.pfs:
        return PfsInput(
            name=pfs.name or "",
            project=pfs.project or "",
            repo=pfs.repo or "",
            branch=pfs.branch or "",
            glob=pfs.glob or "",
            s3=bool(pfs.s3),
            lazy=bool(pfs.lazy),
            empty_files=bool(pfs.empty_files),
            join_on=pfs.join_on or "",
            outer_join=bool(pfs.outer_join),
            group_by=pfs.group_by or "",
            reference=bool(pfs.reference),
            trigger=_trigger(pfs.trigger) if pfs.trigger else None,
            propagates=not (pfs.propagation_spec and pfs.propagation_spec.never),
        )
    if cron := spec.cron:
        return CronInput(
            name=cron.name or "",
            project=cron.project or "",
            repo=cron.repo or "",
            spec=cron.spec or "",
            overwrite=bool(cron.overwrite),
            start=cron.start or "",
        )
    kind = next(kind for kind in CompositeKind if getattr(spec, kind.value))
    children = [_input(child) for child in getattr(spec, kind.value)]
    return CompositeInput(kind, tuple(sorted(children, key=first_name)))


def _trigger(spec: TriggerSpec) -> Trigger:
    return Trigger(
        branch=spec.branch or DEFAULT_BRANCH,
        all=bool(spec.all),
        rate_limit_spec=spec.rate_limit_spec or "",
        size_bytes=parse_size(spec.size) if spec.size else 0,
        commits=spec.commits or 0,
        cron_spec=spec.cron_spec or "",
    )


def first_name(node: Input) -> str:
    """Return the name that a node is sorted by: its own, or its first child's."""
    while isinstance(node, CompositeInput):
        node = node.children[0]
    return node.name
