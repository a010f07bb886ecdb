"""The rules of ``transform``: what can be started, and which secrets can be found."""

from __future__ import annotations

import re

from runner.spec.complain import lacking, spell, wrong
from runner.spec.nodes import Cursor, shown
from runner.spec.problems import Report

_USER = re.compile(r"[^:\s]+(:[^:\s]+)?")
_EXAMPLE = ["python3", "/app/main.py"]


def check_transform(top: Cursor, report: Report) -> None:
    """Report every rule that ``transform`` breaks."""
    transform = top.get("transform")
    if transform is None or not isinstance(transform.node.value, dict):
        return
    _command_is_given(transform, report)
    _variables_can_be_set(transform, report)
    _batching_is_refused(transform, report)
    _user_is_one(transform, report)
    for secret in transform.children("secrets"):
        _secret_can_be_found(secret, report)


def _command_is_given(transform: Cursor, report: Report) -> None:
    """Pachyderm accepts a spec without a command and fails its pipeline later; here it is known at once."""
    cmd = transform.get("cmd")
    words = transform.children("cmd")
    if cmd is None or cmd.node.value == []:
        message = f"{transform.path}.cmd is missing, so there is nothing to run"
        lacking(report, transform, message, write=spell(report, "cmd", _EXAMPLE))
    for command in (words, transform.children("errCmd")):
        if command and command[0].node.value == "":
            wrong(report, command[0], f"{command[0].path} is empty; it must name a program", write='"sh"')


def _variables_can_be_set(transform: Cursor, report: Report) -> None:
    """An environment cannot hold these names."""
    env = transform.get("env")
    if env is None or not isinstance(env.node.value, dict):
        return
    for name, entry in env.node.value.items():
        if not name or "=" in name or "\0" in name:
            at = Cursor(entry.node, f"{env.path}.{name}", name, entry.place)
            lacking(
                report, at, f"{shown(name)} cannot be the name of a variable", alternative="use letters, digits and _"
            )


def _batching_is_refused(transform: Cursor, report: Report) -> None:
    found = transform.get("datumBatching")
    if found is not None and transform.flag("datumBatching"):
        way_out = "drop it: the command then runs once for each datum"
        wrong(report, found, f"{found.path} is not supported", alternative=way_out)


def _user_is_one(transform: Cursor, report: Report) -> None:
    found, text = transform.get("user"), transform.text("user")
    if found is not None and text and _USER.fullmatch(text) is None:
        message = f"{found.path} is {shown(text)}; it must be user[:group] or uid[:gid]"
        wrong(report, found, message, write=spell(report, "user", "1000:1000"))


def _secret_can_be_found(secret: Cursor, report: Report) -> None:
    """A variable needs a key; name and key are a folder and a file, and lead nowhere else."""
    env_var, mount = secret.get("envVar"), secret.get("mountPath")
    if not secret.text("name"):
        lacking(report, secret, f"{secret.path} has no name", write=spell(report, "name", "my-secret"))
    if secret.text("envVar") and not secret.text("key") and env_var is not None:
        message = f"{env_var.path} is given without a key; a variable holds one key's value"
        wrong(report, env_var, message, write=spell(report, "key", "password"))
    if not secret.text("envVar") and not secret.text("mountPath"):
        message = f"{secret.path} appears nowhere"
        lacking(
            report,
            secret,
            message,
            write=spell(report, "envVar", "PASSWORD") + " and a key",
            alternative=spell(report, "mountPath", "/run/secrets/name"),
        )
    if mount is not None and secret.text("mountPath") and not secret.text("mountPath").startswith("/"):
        wrong(report, mount, f"{mount.path} is {shown(secret.text('mountPath'))}; it must begin with /")
    for part in ("name", "key"):
        found, text = secret.get(part), secret.text(part)
        if found is not None and text and (text in (".", "..") or "/" in text):
            wrong(report, found, f"{found.path} is {shown(text)}; it must be a plain name")
