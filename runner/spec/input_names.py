"""Names of inputs: each becomes a folder, a variable, and with ``s3`` a bucket, so it must be good for all three."""

from __future__ import annotations

import re

from runner.model.pipeline import OUTPUT_BUCKET
from runner.spec.complain import lacking, spell, wrong
from runner.spec.nodes import Cursor, shown
from runner.spec.problems import Report

RESERVED = frozenset({OUTPUT_BUCKET, ".env", ".scratch"})
BUCKET_LIMIT = 63
FOLDER_LIMIT_BYTES = 255

_BUCKET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_BREAKS = re.compile(r"[/=\s\x00-\x1f\x7f]")
_NOT_BUCKET = re.compile(r"[^A-Za-z0-9._-]+")
_VARIABLES = frozenset({
    "PATH", "HOME", "USER", "SHELL", "PWD", "IFS", "TMPDIR", "LANG", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH",
    "PYTHONHOME", "NO_PROXY", "no_proxy", "S3_ENDPOINT", "S3GATEWAY_PORT", "TRACEPARENT",
})  # fmt: skip
_VARIABLE_PREFIXES = ("AWS_", "PACH_", "PPS_", "RUNNER_")


def name_of(leaf: Cursor) -> str:
    """Return the name of a pfs or cron input: a pfs input without one has its repo's."""
    return leaf.text("name") or (leaf.text("repo") if leaf.written == "pfs" else "")


def check_names(node: Cursor, report: Report) -> None:
    """Report names that are missing, cannot be used, or are used twice."""
    _names_below(node, frozenset(), report)


def _names_below(node: Cursor, taken: frozenset[str], report: Report) -> frozenset[str]:
    """Return the names below *node*; those in *taken* may not come again, save between members of one union."""
    found: frozenset[str] = frozenset()
    for kind in ("pfs", "cron"):
        leaf = node.get(kind)
        if leaf is not None and isinstance(leaf.node.value, dict):
            found |= _name_of_leaf(leaf, taken | found, report)
    for kind in ("cross", "join", "group"):
        for child in node.children(kind):
            found |= _names_below(child, taken | found, report)
    before = taken | found
    for child in node.children("union"):
        found |= _names_below(child, before, report)
    return found


def _name_of_leaf(leaf: Cursor, taken: frozenset[str], report: Report) -> frozenset[str]:
    name = name_of(leaf)
    at = leaf.get("name" if leaf.text("name") else "repo")
    if at is None or not name:
        if leaf.written == "cron" and not leaf.text("name"):
            lacking(report, leaf, f"{leaf.path} has no name", write=spell(report, "name", "tick"))
        return frozenset()
    message, write = _objection(name, is_bucket=leaf.flag("s3"))
    if message:
        wrong(report, at, f"{at.path} is {shown(name)}; {message}", write=spell(report, "name", write))
    elif name in taken:
        message = f"the name {shown(name)} is used by two inputs; each needs its own folder, bucket and variable"
        wrong(report, at, message, write=spell(report, "name", f"{name}_2"))
    return frozenset({name})


def _objection(name: str, *, is_bucket: bool) -> tuple[str, str]:
    """Return why an input may not have *name*, and a better one; two empty strings when it may."""
    better = _NOT_BUCKET.sub("_", name).strip("._-")[:BUCKET_LIMIT] or "data"
    if name in RESERVED:
        return "an input cannot have that name", "data"
    if name in (".", "..") or _BREAKS.search(name):
        return "a folder and a variable get that name, so no /, = or space", better
    if name in _VARIABLES or name.startswith(_VARIABLE_PREFIXES):
        return "the variable of that name would be replaced", f"{name.lower()}_data"
    if is_bucket and (_BUCKET.fullmatch(name) is None or len(name) > BUCKET_LIMIT):
        return f"a bucket name has letters, digits, _ . and -, at most {BUCKET_LIMIT}", better
    if len(name.encode()) > FOLDER_LIMIT_BYTES:
        return f"a folder name has at most {FOLDER_LIMIT_BYTES} bytes", better
    return "", ""
