"""The rules of a pipeline as a whole; those of its inputs stand in ``input_rules``.

The letters are those of Pachyderm's own two stages: A checks the request, B what the defaults made of it.

Source: https://github.com/pachyderm/pachyderm/blob/master/src/server/pps/server/api_server.go
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from runner.spec.complain import lacking, spell, wrong
from runner.spec.durations import InvalidDuration, parse_duration
from runner.spec.fates import Fate, fields_of
from runner.spec.input_rules import check_input
from runner.spec.nodes import Cursor, Node, shown
from runner.spec.problems import Report
from runner.spec.schema import PipelineSpec
from runner.spec.transform_rules import check_transform

NAME_LIMIT_BYTES = 51
PROJECT_LIMIT_BYTES = 51
KUBERNETES_NAME_LIMIT = 63
REPROCESS = ("until_success", "every_job")
SERVICE_TYPES = ("ClusterIP", "LoadBalancer", "NodePort")

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LOOKS_LIKE_COMMIT = re.compile(r"[0-9a-f]{12,32}")
_CHARACTERS = "only letters, digits, underscores and dashes are allowed"
_NOT_LETTERS = re.compile(r"[^a-zA-Z0-9_-]+")


def check_rules(node: Node, report: Report, project: str) -> None:
    """Report every rule that the spec *node* breaks; values of the wrong form are left to the schema."""
    top = Cursor.top(node)
    for rule in _RULES:
        rule(top, report)
    _check_address(top, report, project)
    check_transform(top, report)
    check_input(top, report, project)


def check_set(nodes: Sequence[Node], report: Report, project: str) -> None:
    """Report pipelines of one file that have the same name."""
    seen: set[tuple[str, str]] = set()
    for node in nodes:
        pipeline = Cursor.top(node).get("pipeline")
        name = pipeline.get("name") if pipeline else None
        if pipeline is None or name is None:
            continue
        key = (_project_of(pipeline, project), pipeline.text("name"))
        if key in seen and key[1]:
            wrong(report, name, f"the file has two pipelines named {shown(key[1])}", alternative="choose another name")
        seen.add(key)


def _project_of(pipeline: Cursor, default: str) -> str:
    project = pipeline.get("project")
    return (project.text("name") if project else "") or default


def _check_address(top: Cursor, report: Report, default: str) -> None:
    """A1 to A4, B: a name is there, of few characters, not too long, and begins with a letter or digit."""
    pipeline = top.get("pipeline")
    if pipeline is None:
        lacking(report, top, "the spec names no pipeline", write=spell(report, "pipeline", {"name": "my_pipeline"}))
        return
    name, text = pipeline.get("name"), pipeline.text("name")
    if name is None or pipeline.is_blank("name"):
        lacking(report, pipeline, "the pipeline has no name", write=spell(report, "name", "my_pipeline"))
        return
    _check_project(pipeline, report)
    if not text:
        return
    own = f"{_project_of(pipeline, default)}-{text}-v99"
    if _NAME.fullmatch(text) is None:
        suggestion = _NOT_LETTERS.sub("_", text).strip("_") or "my_pipeline"
        wrong(report, name, f"{name.path} is {shown(text)}; {_CHARACTERS}", write=spell(report, "name", suggestion))
    elif not text[0].isalnum():
        message = f"{name.path} is {shown(text)}; it must begin with a letter or digit"
        wrong(report, name, message, write=spell(report, "name", text.lstrip("_-") or "my_pipeline"))
    elif len(text) > NAME_LIMIT_BYTES:
        over = len(text) - NAME_LIMIT_BYTES
        wrong(report, name, f"{name.path} is {over} characters longer than the {NAME_LIMIT_BYTES} that are allowed")
    elif len(own) > KUBERNETES_NAME_LIMIT:
        message = f"project and pipeline name have {len(own) - 5} characters together; at most 58 are allowed"
        wrong(report, name, message, alternative="choose a shorter name")
    elif _LOOKS_LIKE_COMMIT.fullmatch(text):
        message = f"{name.path} is {shown(text)}, which reads like a commit id"
        wrong(report, name, message, alternative="choose a name that is not 12 to 32 hex digits")


def _check_project(pipeline: Cursor, report: Report) -> None:
    project = pipeline.get("project")
    name = project.get("name") if project else None
    text = project.text("name") if project else ""
    if name is None or not text:
        return
    if _NAME.fullmatch(text) is None:
        wrong(report, name, f"{name.path} is {shown(text)}; {_CHARACTERS}")
    elif not text[0].isalnum():
        wrong(report, name, f"{name.path} is {shown(text)}; it must begin with a letter or digit")
    elif len(text) > PROJECT_LIMIT_BYTES:
        over = len(text) - PROJECT_LIMIT_BYTES
        wrong(report, name, f"{name.path} is {over} characters longer than the {PROJECT_LIMIT_BYTES} that are allowed")


def _fields_are_not_refused(top: Cursor, report: Report) -> None:
    """A5 and the contract: service, spout and tf_job are refused with the way out."""
    for field in fields_of(PipelineSpec):
        found = top.get(field.name)
        if field.fate is Fate.REFUSED and found is not None:
            lacking(report, found, f"{found.path} is not supported", alternative=field.note)
    egress = top.get("egress")
    database = egress.get("sqlDatabase") if egress else None
    if database is not None:
        way_out = "drop it and load the database in a step after the job"
        lacking(report, database, f"{database.path} is not supported", alternative=way_out)


def _s3_output_is_a_jobs(top: Cursor, report: Report) -> None:
    """A6: a service or spout cannot write through the gateway."""
    out = top.get("s3Out")
    for name in ("service", "spout"):
        if top.flag("s3Out") and out is not None and top.get(name) is not None:
            message = f"{out.path} is true; a {name} has no S3 output"
            wrong(report, out, message, write=spell(report, out.written, value=False))


def _transform_is_given(top: Cursor, report: Report) -> None:
    """A7: there is code to run."""
    if top.get("transform") is None:
        write = spell(report, "transform", {"cmd": ["python3", "/app/main.py"]})
        lacking(report, top, "the spec has no transform, so nothing to run", write=write)


def _reprocess_spec_is_known(top: Cursor, report: Report) -> None:
    """A8: one of two words."""
    found = top.get("reprocessSpec")
    text = top.text("reprocessSpec")
    if found is not None and text and text not in REPROCESS:
        message = f"{found.path} is {shown(text)}; it must be {' or '.join(REPROCESS)}"
        wrong(report, found, message, write=spell(report, found.written, REPROCESS[0]))


def _spout_does_not_autoscale(top: Cursor, report: Report) -> None:
    """A9: a spout never idles."""
    found = top.get("autoscaling")
    if found is not None and top.flag("autoscaling") and top.get("spout") is not None:
        wrong(report, found, f"{found.path} is true; a spout never idles", alternative="drop it")


def _tolerations_can_hold(top: Cursor, report: Report) -> None:
    """A9: what Kubernetes itself would refuse of a toleration."""
    for toleration in top.children("tolerations"):
        operator, effect = toleration.text("operator"), toleration.text("effect")
        value, seconds = toleration.get("value"), toleration.get("tolerationSeconds")
        exists = operator == "EXISTS" or _is_number(toleration, "operator", 1)
        if exists and value is not None and toleration.text("value"):
            wrong(
                report, value, f"{value.path} is given; a toleration that EXISTS has no value", alternative="drop value"
            )
        if not exists and not toleration.text("key"):
            lacking(report, toleration, f"{toleration.path} has no key", write=spell(report, "operator", "EXISTS"))
        if seconds is not None and effect != "NO_EXECUTE" and not _is_number(toleration, "effect", 3):
            message = f"{seconds.path} is given; only the effect NO_EXECUTE ends"
            wrong(report, seconds, message, write=spell(report, "effect", "NO_EXECUTE"))


def _is_number(at: Cursor, name: str, number: int) -> bool:
    found = at.get(name)
    return found is not None and found.node.value == number and not isinstance(found.node.value, bool)


def _service_runs_once(top: Cursor, report: Report) -> None:
    """B: a service has one worker and a known type."""
    service, parallelism = top.get("service"), top.get("parallelismSpec")
    constant = parallelism.get("constant") if parallelism else None
    if service is None:
        return
    if constant is not None and constant.node.value not in (1, "1"):
        message = f"{constant.path} is {shown(constant.node.plain())}; a service has one worker"
        wrong(report, constant, message, write=spell(report, constant.written, 1))
    kind, text = service.get("type"), service.text("type")
    if kind is not None and text and text not in SERVICE_TYPES:
        wrong(report, kind, f"{kind.path} is {shown(text)}; it must be {', '.join(SERVICE_TYPES)}")


def _spout_has_no_input(top: Cursor, report: Report) -> None:
    """B: a spout makes data, it takes none, unless it has a service."""
    spout, found = top.get("spout"), top.get("input")
    if spout is not None and spout.get("service") is None and found is not None:
        lacking(report, found, "input is given; a spout takes none", alternative="drop input")


def _output_branch_is_a_name(top: Cursor, report: Report) -> None:
    """B and ours: the branch that gets the output can be made and addressed."""
    found, text = top.get("outputBranch"), top.text("outputBranch")
    if found is None or not text:
        return
    if _NAME.fullmatch(text) is None:
        message = f"{found.path} is {shown(text)}; {_CHARACTERS}"
        wrong(report, found, message, write=spell(report, found.written, "master"))
    elif _LOOKS_LIKE_COMMIT.fullmatch(text):
        wrong(
            report,
            found,
            f"{found.path} is {shown(text)}, which reads like a commit id",
            alternative="choose another name",
        )


def _pod_strings_are_patches(top: Cursor, report: Report) -> None:
    """B: podSpec is a JSON object, podPatch a list of RFC 6902 operations."""
    for name, wanted in (
        ("podSpec", "a JSON object"),
        ("podPatch", "a JSON list of operations, each with op and path"),
    ):
        found = top.get(name)
        if found is None or not top.text(name):
            continue
        try:
            value = json.loads(top.text(name))
        except (ValueError, RecursionError):
            continue  # the schema has said so
        if not (isinstance(value, dict) if name == "podSpec" else _is_patch(value)):
            wrong(report, found, f"{found.path} must hold {wanted}")


def _is_patch(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(step, dict) and {"op", "path"} <= step.keys() for step in value)


def _limits_are_positive(top: Cursor, report: Report) -> None:
    """Ours: a limit of nothing would end every job, and less than one attempt runs none."""
    for name in ("datumTimeout", "jobTimeout"):
        found = top.get(name)
        if found is not None and top.text(name) and _seconds(top.text(name)) == 0:
            message = f"{found.path} is {shown(top.text(name))}; nothing ends in that time"
            wrong(report, found, message, write=spell(report, found.written, "300s"), alternative="drop it: no limit")
    tries = top.get("datumTries")
    if tries is not None and isinstance(tries.node.value, int) and tries.node.value < 0:
        message = f"{tries.path} is {tries.node.value}; a datum is tried at least once"
        wrong(report, tries, message, write=spell(report, tries.written, 3))


def _seconds(text: str) -> float | None:
    try:
        return parse_duration(text)
    except InvalidDuration:
        return None  # the schema has said so


def _uptime_needs_autoscaling(top: Cursor, report: Report) -> None:
    """Pachyderm checks this only when workers start; here it is known at once."""
    found = top.get("maximumExpectedUptime")
    if found is not None and not top.flag("autoscaling"):
        wrong(report, found, f"{found.path} needs autoscaling", write=spell(report, "autoscaling", value=True))


_RULES: Sequence[Callable[[Cursor, Report], None]] = (
    _fields_are_not_refused,
    _s3_output_is_a_jobs,
    _transform_is_given,
    _reprocess_spec_is_known,
    _spout_does_not_autoscale,
    _tolerations_can_hold,
    _service_runs_once,
    _spout_has_no_input,
    _output_branch_is_a_name,
    _pod_strings_are_patches,
    _limits_are_positive,
    _uptime_needs_autoscaling,
)
