"""A spec file into pipelines: read, check everything, fill in the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.model.address import DEFAULT_PROJECT
from runner.model.errors import Invalid, NotFound
from runner.model.pipeline import Pipeline
from runner.spec import plain_json
from runner.spec.effective import DEFAULTS, effective_spec, merge, pipeline_of
from runner.spec.forms import check_forms
from runner.spec.names import canonical
from runner.spec.nodes import Node
from runner.spec.notes import Used, note_fates, used_fields
from runner.spec.problems import Notice, Report, Source
from runner.spec.rules import check_rules, check_set
from runner.spec.schema import PipelineSpec
from runner.spec.source import SIZE_LIMIT_BYTES, read_source


class SpecNotFound(NotFound):
    """There is no file under the name that was given."""


class SpecUnreadable(Invalid):
    """The file is there and cannot be read."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One pipeline of a file, and what its writer should know about it.

    Attributes:
        written: What the file says, with JSON names and without defaults.
        warnings: Once each, in file order.
        source: The file, for showing places.
    """

    pipeline: Pipeline
    written: Mapping[str, object]
    warnings: tuple[Notice, ...]
    source: Source


def load_pipelines(path: Path, *, project: str = DEFAULT_PROJECT) -> Sequence[Loaded]:
    """Return the pipelines of the JSON or YAML file *path*, in file order; at least one.

    Args:
        path: At most 512 KiB of UTF-8.
        project: Of pipelines that name none.

    Raises:
        InvalidSpec: (Invalid) it has problems; the error carries all of them.
        SpecNotFound: There is no such file.
        SpecUnreadable: (Invalid) it is a folder, or may not be read.
    """
    return read_pipelines(str(path), _read(path), project=project)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError as exc:
        raise SpecNotFound(f"there is no file {path}", hint="name a JSON or YAML file") from exc
    except OSError as exc:
        raise SpecUnreadable(f"{path} cannot be read: {exc.strerror}", hint="name a JSON or YAML file") from exc


def read_pipelines(name: str, data: bytes, *, project: str = DEFAULT_PROJECT) -> Sequence[Loaded]:
    """Return the pipelines of a file's bytes, as :func:`load_pipelines` does.

    Raises:
        InvalidSpec: (Invalid) it has problems; the error carries all of them.
    """
    source, text = read_source(name, data)
    plain = plain_json.load(text) if source.is_json else None
    if plain is not None:
        report = Report(source)
        pipelines = _pipelines(plain, report, project)
        if not report.problems and not any(one.warnings for one in pipelines):
            return pipelines
    from runner.spec.load import load

    report = Report(source)
    pipelines = _pipelines(load(text, report), report, project)
    report.raise_if_any()
    return pipelines


def _pipelines(nodes: Sequence[Node], report: Report, project: str) -> Sequence[Loaded]:
    """Return the pipelines; nothing when the report tells what is wrong."""
    nodes = [canonical(node, report) for node in nodes]
    checked = [_check(node, report, project) for node in nodes]
    check_set(nodes, report, project)
    if report.problems:
        return ()
    return [
        Loaded(pipeline_of(effective_spec(spec, project)), node.plain(), warnings, report.source)
        for node, (spec, warnings) in zip(nodes, checked, strict=True)
        if spec is not None
    ]


def _check(node: Node, report: Report, project: str) -> tuple[PipelineSpec | None, tuple[Notice, ...]]:
    merged = merge(DEFAULTS, node.plain())
    spec = check_forms(node, merged, report)
    check_rules(node, report, project)
    return spec, note_fates(node)


def used_in(path: Path) -> list[Used]:
    """Return the fields that the file gives, in file order, whether or not their values are right.

    Raises:
        InvalidSpec: (Invalid) it cannot be parsed, or has fields that no spec has.
        SpecNotFound: There is no such file.
        SpecUnreadable: (Invalid) it is a folder, or may not be read.
    """
    from runner.spec.load import load

    source, text = read_source(str(path), _read(path))
    report = Report(source)
    nodes = [canonical(node, report) for node in load(text, report)]
    report.raise_if_any()
    return [used for node in nodes for used in used_fields(node)]
