"""``runner spec``: check a spec, show what it means, say what becomes of each field."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from runner.cli.looks import SUCCEEDED, look_at, show
from runner.cli.options import Options, noun
from runner.cli.problems import notice_document, notice_lines, problem_document, problem_lines
from runner.cli.report import USAGE
from runner.cli.words import visible
from runner.host import settings as host_settings
from runner.spec.fates import MEANINGS, Fate, fields_of
from runner.spec.nodes import shown
from runner.spec.notes import Used
from runner.spec.pipelines import Loaded, load_pipelines, used_in
from runner.spec.problems import InvalidSpec
from runner.spec.schema import TransformSpec

_SPEC = click.argument("path", metavar="SPEC", type=click.Path(path_type=Path))


@noun("spec")
def spec() -> None:
    """Check a spec, show what it means."""


@spec.command("check")
@_SPEC
@click.pass_obj
def check(options: Options, path: Path) -> int:
    """Report every problem of SPEC, each with its place and what to write instead."""
    try:
        loaded = load_pipelines(path, project=_project(options))
    except InvalidSpec as error:
        if options.is_json:
            problems = [problem_document(problem) for problem in error.problems]
            _print_json({"file": str(path), "valid": False, "problems": problems, "warnings": []})
        else:
            show_problems(error)
        return USAGE
    if options.is_json:
        warnings = [notice_document(notice) for one in loaded for notice in one.warnings]
        names = [one.pipeline.name for one in loaded]
        document = {"file": str(path), "valid": True, "pipelines": names, "problems": [], "warnings": warnings}
        _print_json(document)
    else:
        if not options.quiet:
            show_warnings(loaded)
        _say_valid(path, loaded)
    return 0


@spec.command("show")
@_SPEC
@click.pass_obj
def show_effective(options: Options, path: Path) -> int:
    """Print SPEC with every default written out: as YAML, or as JSON with -o json."""
    loaded = load_pipelines(path, project=_project(options))
    specs = [dict(one.pipeline.spec) for one in loaded]
    if options.is_json:
        _print_json(specs[0] if len(specs) == 1 else specs)
    else:
        from runner.spec.dump import as_yaml

        sys.stdout.write("---\n".join(as_yaml(document) for document in specs))
    return 0


@spec.command("fates")
@_SPEC
@click.pass_obj
def fates(options: Options, path: Path) -> int:
    """Say what becomes of each field that SPEC gives, whether or not its values are right."""
    used = used_in(path)
    if options.is_json:
        rows = [
            {
                "field": one.at.path,
                "value": one.at.node.plain(),
                "fate": str(one.field.fate),
                "meaning": one.field.doc,
                **({"note": one.field.note} if one.field.note else {}),
            }
            for one in used
        ]
        _print_json(rows)
    else:
        _show_fates(used)
    return 0


def show_problems(error: InvalidSpec) -> None:
    """Tell stderr everything that is wrong with a spec."""
    look = look_at(sys.stderr)
    show(problem_lines(error, look), look, sys.stderr)


def show_warnings(loaded: Sequence[Loaded], *, has_image: bool = False) -> None:
    """Tell stderr what the writers of specs should know; *has_image*: the command runs in an image, as they expect."""
    look = look_at(sys.stderr)
    for one in loaded:
        told = tuple(notice for notice in one.warnings if not (has_image and notice.message.endswith(_no_image())))
        show(notice_lines(one.source, told, look), look, sys.stderr)


def _no_image() -> str:
    """Return what is said of an image where none is used."""
    return next(field.note for field in fields_of(TransformSpec) if field.name == "image")


def _say_valid(path: Path, loaded: Sequence[Loaded]) -> None:
    look = look_at(sys.stdout)
    mark = look.pick(SUCCEEDED.glyph, SUCCEEDED.ascii)
    names = ", ".join(one.pipeline.name for one in loaded)
    show([Text.assemble((mark, SUCCEEDED.style), " ", (visible(str(path)), "bold"), f"  {names}")], look)


_STYLES = {Fate.DONE: "green", Fate.KUBERNETES: "blue", Fate.NOTED: "yellow", Fate.REFUSED: "bold red"}


def _show_fates(used: Sequence[Used]) -> None:
    from runner.cli.tables import Column, table

    look = look_at(sys.stdout)
    columns = (Column("FIELD", gives=True), Column("VALUE", gives=True), Column("FATE"), Column("MEANING", gives=True))
    rows = [
        (
            Text(visible(one.at.path), style="bold"),
            visible(shown(one.at.node.plain())),
            Text(one.field.fate, style=_STYLES[one.field.fate]),
            one.field.note or one.field.doc,
        )
        for one in used
    ]
    show(table(columns, rows, look), look)
    present = {one.field.fate for one in used}
    legend = [Text(f"{fate}: {MEANINGS[fate]}", style="dim") for fate in Fate if fate in present]
    show([Text(), *legend], look)


def _project(options: Options) -> str:
    """Return the project of specs that name none, from option or settings; no store is needed for it."""
    said = {"project": options.project} if options.project else {}
    return host_settings.load(said, options.config).project


def _print_json(document: Any) -> None:
    sys.stdout.write(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n")
