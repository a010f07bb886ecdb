"""The rules of ``input``: kinds, names, globs, clocks, and what an S3 input may be.

Names come first over the whole tree, then each node, children before their parents, as in Pachyderm (I1 to I11).

Source: https://github.com/pachyderm/pachyderm/blob/master/src/server/pps/server/api_server.go
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.spec.complain import lacking, spell, wrong
from runner.spec.cron import InvalidCron, check_cron
from runner.spec.effective import COMPOSITES, DEFAULT_BRANCH
from runner.spec.globs import InvalidGlob, clean_glob, compile_glob
from runner.spec.input_names import check_names, name_of
from runner.spec.nodes import Cursor, shown
from runner.spec.problems import Place, Problem, Report
from runner.spec.sizes import InvalidSize, parse_size

_KINDS = ("pfs", "cross", "union", "join", "group", "cron")
_WITHOUT_S3 = ("join", "group", "union")
_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def check_input(top: Cursor, report: Report, project: str) -> None:
    """Report every rule that ``input`` breaks."""
    found = top.get("input")
    if found is None:
        if top.get("spout") is None:
            example = {"pfs": {"repo": "data", "glob": "/", "s3": True}}
            lacking(report, top, "the spec has no input", write=spell(report, "input", example))
        return
    check_names(found, report)
    _check_node(found, report)
    _check_dag(top, found, report, project)


def _check_node(node: Cursor, report: Report) -> None:
    kinds = [kind for kind in (node.get(name) for name in _KINDS) if kind is not None and kind.node.value != []]
    for kind in COMPOSITES:
        for child in node.children(kind):
            _check_node(child, report)
    if not isinstance(node.node.value, dict):
        return
    if not kinds:
        message = f"{node.path} is empty; it must be one of {', '.join(_KINDS)}"
        lacking(report, node, message, write=spell(report, "pfs", {"repo": "data", "glob": "/*"}))
    if len(kinds) > 1:
        message = f"{node.path} is {kinds[0].written} and {kinds[1].written} at once; an input has one kind"
        example = [{kind.written: "…"} for kind in kinds]
        lacking(report, kinds[1], message, write=spell(report, "cross", example), alternative="drop one of them")
    for given in kinds:
        _check_kind(given, report)


def _check_kind(kind: Cursor, report: Report) -> None:
    name = kind.written
    if name == "pfs":
        _check_pfs(kind, report)
    elif name == "cron":
        _check_cron_input(kind, report)
    elif name in _WITHOUT_S3:
        for leaf in leaves(kind):
            s3 = leaf.get("s3")
            if s3 is not None and leaf.flag("s3"):
                message = f"{s3.path} is true inside {name}; an S3 input stands alone or in a cross"
                wrong(report, s3, message, alternative=f"use cross instead of {name}, or drop {s3.written}")


def leaves(node: Cursor) -> Iterator[Cursor]:
    """Yield every pfs input below *node*, in file order."""
    for child in node.items():
        if child.written == "pfs" and isinstance(child.node.value, dict):
            yield child
        elif child.written in COMPOSITES:
            yield from leaves(child)


def _check_pfs(pfs: Cursor, report: Report) -> None:
    """I1 to I8."""
    _check_places(pfs, report)
    if pfs.flag("s3"):
        _check_s3(pfs, report)
    elif pfs.is_blank("glob"):
        lacking(report, pfs, f"{pfs.path} has no glob", write=spell(report, "glob", "/*"))
    else:
        _check_glob(pfs, report)
    commit = pfs.get("commit")
    if commit is not None and pfs.text("commit"):
        message = f"{commit.path} is given; each job pins the commit of its time"
        way_out = f"runner run --input {name_of(pfs) or 'NAME'}={pfs.text('repo') or 'REPO'}@{pfs.text('commit')}"
        wrong(report, commit, message, write=spell(report, "branch", DEFAULT_BRANCH), alternative=way_out)
    _check_trigger(pfs, report)


def _check_places(pfs: Cursor, report: Report) -> None:
    """I1 to I3: repo, branch and project are names; an empty branch is master, as protobuf has it."""
    if pfs.is_blank("repo"):
        lacking(report, pfs, f"{pfs.path} names no repo", write=spell(report, "repo", "data"))
    for part in ("project", "repo", "branch"):
        found, text = pfs.get(part), pfs.text(part)
        if found is not None and text and _NAME.fullmatch(text) is None:
            message = f"{found.path} is {shown(text)}; only letters, digits, underscores and dashes are allowed"
            wrong(report, found, message)
    kind, text = pfs.get("repoType"), pfs.text("repoType")
    if kind is not None and text not in ("", "user"):
        message = f"{kind.path} is {shown(text)}; only user repos are kept here"
        wrong(report, kind, message, write=spell(report, kind.written, "user"))


def _check_s3(pfs: Cursor, report: Report) -> None:
    """I5 to I7: a bucket is a whole commit, never pipes or empty files."""
    glob, name = pfs.get("glob"), name_of(pfs)
    folder = f"drop {spell(report, 's3', value=True)} to get one datum per match under /pfs/{name}"
    if glob is None or pfs.is_blank("glob"):
        message = f"{pfs.path} has no glob; an S3 input takes the whole repo"
        lacking(report, pfs, message, write=spell(report, "glob", "/"))
    elif isinstance(glob.node.value, str) and clean_glob(glob.node.value) != "/":
        message = f"{glob.path} is {shown(glob.node.value)}; an S3 input takes the whole repo"
        wrong(report, glob, message, write=spell(report, glob.written, "/"), alternative=folder)
    for flag, what in (("lazy", "pipes"), ("emptyFiles", "empty files")):
        found = pfs.get(flag)
        if found is not None and pfs.flag(flag):
            message = f"{found.path} is true; an S3 input is a bucket and has no {what}"
            wrong(report, found, message, alternative=f"drop {found.written}, or {folder}")


def _check_glob(pfs: Cursor, report: Report) -> None:
    """I4 and ours: a bad glob is refused here, before a job would stop over it."""
    glob = pfs.get("glob")
    if glob is None:
        return
    try:
        compile_glob(pfs.text("glob"))
    except InvalidGlob as exc:
        message = f"{glob.path} is {shown(glob.node.value)}: {exc.message}"
        place = Place(glob.node.place.line, glob.node.place.column + exc.offset + _opening_quote(glob))
        fits = glob.node.width > exc.offset
        report.add(Problem(place if fits else glob.node.place, glob.path, message, write=spell(report, "glob", "/*")))


def _opening_quote(at: Cursor) -> int:
    """Return 1 when the value is written in quotes, which the text itself does not hold."""
    return int(isinstance(at.node.value, str) and at.node.width > len(at.node.value))


def _check_trigger(pfs: Cursor, report: Report) -> None:
    trigger = pfs.get("trigger")
    if trigger is None:
        return
    for name in ("cronSpec", "rateLimitSpec"):
        _check_clock(trigger, name, report)
    watched, own = trigger.get("branch"), pfs.text("branch")
    if own and own == (trigger.text("branch") or DEFAULT_BRANCH):
        message = f"{trigger.path} watches {shown(own)}, the branch that it moves"
        wrong(report, watched or trigger, message, alternative=f"drop {pfs.path}.branch")
    size, text = trigger.get("size"), trigger.text("size")
    if size is not None and text and not _is_size(text):
        wrong(report, size, f"{size.path} is {shown(text)}; it must be a size", write=spell(report, "size", "100MB"))
    commits = trigger.get("commits")
    if commits is not None and isinstance(commits.node.value, int) and commits.node.value < 0:
        wrong(report, commits, f"{commits.path} is {commits.node.value}; it cannot be negative")


def _is_size(text: str) -> bool:
    try:
        parse_size(text)
    except InvalidSize:
        return False
    return True


def _check_cron_input(cron: Cursor, report: Report) -> None:
    """I11: a clock has a name and a rhythm."""
    if cron.is_blank("spec"):
        lacking(report, cron, f"{cron.path} has no spec", write=spell(report, "spec", "@every 60s"))
    _check_clock(cron, "spec", report)
    commit = cron.get("commit")
    if commit is not None and cron.text("commit"):
        wrong(report, commit, f"{commit.path} is given; each job pins the commit of its time", alternative="drop it")


def _check_clock(at: Cursor, name: str, report: Report) -> None:
    found = at.get(name)
    if found is None or not at.text(name):
        return
    try:
        check_cron(at.text(name))
    except InvalidCron as exc:
        message = f"{found.path} is {shown(at.text(name))}: {exc.message}"
        wrong(report, found, message, write=spell(report, found.written, "0 6 * * *"), alternative="@every 60s")


def _check_dag(top: Cursor, node: Cursor, report: Report, project: str) -> None:
    """A pipeline does not read its own output, and reads one branch of a repo."""
    pipeline = top.get("pipeline")
    where = pipeline.get("project") if pipeline else None
    own = ((where.text("name") if where else "") or project, pipeline.text("name") if pipeline else "")
    branches: dict[tuple[str, str], str] = {}
    for leaf in leaves(node):
        repo = leaf.get("repo")
        if repo is None or not leaf.text("repo"):
            continue
        key = (leaf.text("project") or own[0], leaf.text("repo"))
        branch = leaf.text("branch") or (leaf.path if leaf.get("trigger") else DEFAULT_BRANCH)
        if key == own:
            wrong(
                report,
                repo,
                f"{repo.path} is {shown(key[1])}, the pipeline's own output",
                alternative="read another repo",
            )
        if branches.setdefault(key, branch) != branch:
            message = f"{leaf.path} reads a second branch of {key[1]}; a pipeline reads one branch of a repo"
            wrong(report, leaf.get("branch") or repo, message, write=spell(report, "branch", branches[key]))
