"""``runner run``: one job of a spec, in the foreground, to its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import Command, Options, in_trio
from runner.host.home import expand_home
from runner.model.errors import Invalid

if TYPE_CHECKING:
    from runner.host.sections import Settings
    from runner.model.pipeline import Pipeline
    from runner.supervisor.run import RunRequest


class MalformedOption(Invalid):
    """An option's value has another form than NAME=VALUE."""


class OutputInInput(Invalid):
    """The result is to be written into a folder that is imported."""


class SeveralPipelines(Invalid):
    """The file declares more than one pipeline."""


@click.command("run", cls=Command)
@click.argument("spec", metavar="SPEC", type=click.Path(path_type=Path))
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=SOURCE", help="A folder, a file, or REPO@BRANCH.")
@click.option("--output", metavar="DIR", help="Also write the result to a folder.")
@click.option("--tries", type=click.IntRange(1), help="How often the command may be tried; over datum_tries.")
@click.option("--timeout", metavar="DURATION", help="For the whole job, such as 5m; over job_timeout.")
@click.option("--branch", metavar="NAME", help="Output branch; over output_branch.")
@click.option("--no-trigger", is_flag=True, help="Let folders that are imported make no jobs for workers.")
@click.option("--trust-mtime", is_flag=True, help="Do not read files of folders that kept their size and time.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME/KEY=FILE", help="A secret that the spec asks for.")
@click.option("--inject", type=click.Choice(("all", "s3-only", "compat")), help="Which variables the command gets.")
@click.option("--listen", metavar="HOST:PORT", help="Where the gateway listens.")
@click.option("--advertise", metavar="URL", help="What the command is told instead of that address.")
@click.option("--reprocess", is_flag=True, help="Also run the datums that are as they were in the last job.")
@click.option("--auth", is_flag=True, default=None, help="Ask the command for its token on every request.")
@click.pass_obj
def run(options: Options, /, spec: Path, **said: Any) -> int:
    """Run one job of SPEC to its end.

    Inputs that are not named use the head of their branch. The result becomes one commit on the pipeline's output
    branch; when the command fails nothing is published.
    """
    from runner.cli.world import settings_of

    settings = settings_of(options, {name: said[key] for name, key in _SETTINGS.items() if said[key] is not None})
    request = _request(settings, spec, said)
    return _run(options, settings, request)


_SETTINGS = {
    "gateway.listen": "listen",
    "gateway.advertise": "advertise",
    "auth.enabled": "auth",
    "job.inject": "inject",
}


def _request(settings: Settings, spec: Path, said: dict[str, Any]) -> RunRequest:
    """Read the spec and the options into what the supervisor runs; raises `Invalid`."""
    from runner.supervisor.run import RunRequest

    secrets = secrets_of(said["secrets"])
    sources = sources_of(said["inputs"])
    output = None if said["output"] is None else _output(settings, said["output"], sources)
    pipeline = _overridden(one_pipeline(spec, settings.project), said)
    return RunRequest(
        pipeline=pipeline,
        sources=sources,
        secrets=secrets,
        output=output,
        propagates=not said["no_trigger"],
        skip=not said["reprocess"],
        trust_mtime=said["trust_mtime"],
    )


def one_pipeline(spec: Path, project: str) -> Pipeline:
    """Return the pipeline of a spec that declares one, and show its warnings; raises `Invalid`."""
    from runner.cli.spec import show_warnings
    from runner.host.pod import is_pod
    from runner.spec.pipelines import load_pipelines

    loaded = load_pipelines(spec, project=project)
    if len(loaded) > 1:
        names = ", ".join(one.pipeline.name for one in loaded)
        raise SeveralPipelines(f"{spec} declares {len(loaded)} pipelines: {names}", hint="give a file with one of them")
    show_warnings(loaded, has_image=is_pod())
    return loaded[0].pipeline


def sources_of(said: Sequence[str]) -> dict[str, str]:
    """Return what ``--input`` gives, by name; raises `MalformedOption`."""
    return _pairs("--input", tuple(said), "NAME=SOURCE")


def secrets_of(said: Sequence[str]) -> dict[tuple[str, str], Path]:
    """Return the files that ``--secret`` gives, by name and key; raises `MalformedOption`."""
    secrets = {}
    for name, file in _pairs("--secret", tuple(said), "NAME/KEY=FILE").items():
        secret, slash, key = name.partition("/")
        if not slash:
            raise MalformedOption(f"--secret {name} names no key", hint="write --secret NAME/KEY=FILE")
        secrets[secret, key] = Path(file)
    return secrets


def _output(settings: Settings, text: str, sources: Mapping[str, str]) -> Path:
    """Return where the result goes; refuses before anything ran what could not be written, or would be read back."""
    from runner.store.files import check_destination
    from runner.store.opening import host_folder
    from runner.supervisor.storage import storage_of

    if not text:
        raise MalformedOption("--output has no value", hint="write --output DIR")
    output = expand_home(text)
    check_destination(host_folder(settings.store, storage_of(settings)), output)
    for source in sources.values():
        folder = expand_home(source)
        if folder.is_dir() and output.resolve().is_relative_to(folder.resolve()):
            raise OutputInInput(
                f"{text} lies in {source}, so the next run would import what this one wrote",
                hint="choose a folder beside it",
            )
    return output


def _pairs(option: str, values: tuple[str, ...], form: str) -> dict[str, str]:
    """Read ``NAME=VALUE`` options; each name may be given once."""
    pairs: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not name or not equals or not value:
            raise MalformedOption(f"{option} {text} has no value", hint=f"write {option} {form}")
        if name in pairs:
            raise MalformedOption(f"{option} {name} is given twice")
        pairs[name] = value
    return pairs


def _overridden(pipeline: Pipeline, said: dict[str, Any]) -> Pipeline:
    """Let the command line win over the spec for this run."""
    from runner.spec.durations import parse_duration

    if said["tries"] is not None:
        pipeline = replace(pipeline, datum_tries=said["tries"])
    if said["timeout"] is not None:
        pipeline = replace(pipeline, job_timeout_seconds=parse_duration(said["timeout"]))
    if said["branch"] is not None:
        pipeline = replace(pipeline, output_branch=said["branch"])
    return pipeline


@in_trio
async def _run(options: Options, settings: Settings, request: RunRequest) -> int:
    from runner.cli.ending import Ending, tell_broken, tell_end
    from runner.cli.inquiry import story_of
    from runner.cli.looks import look_at
    from runner.cli.observers import observer_for
    from runner.model.errors import Conflict, Unavailable
    from runner.supervisor.run import ExportFailed, Stopped
    from runner.supervisor.run import run as run_once

    log_stream = sys.stdout if settings.log_stream == "stdout" else sys.stderr
    observer = observer_for(settings.log_format, log_stream, look_at(log_stream), in_ci=bool(os.environ.get("CI")))
    try:
        async with observer.watching(), run_once(settings, request, observer) as result:
            outcome = result.outcome
            options.outcome = outcome.status
            story = await story_of(result.store, outcome.job)
            ending = Ending(
                replace(
                    story,
                    job=replace(story.job, reason=story.job.reason or outcome.reason),
                    requests=result.requests.count,
                    requests_failed=result.requests.failed,
                    copied_to=str(result.exported or ""),
                ),
                outcome.status,
            )
    except Stopped as stopped:
        from runner.cli.report import SIGNAL, Verdict, say

        verdict = Verdict(SIGNAL + stopped.signal, f"{stopped}, before there was a job; nothing ran")
        say(verdict)
        return verdict.status
    except ExportFailed:
        raise  # the commit stands: its own sentence says what is left to do
    except (Conflict, Unavailable) as error:
        if observer.watched is None or not tell_broken(observer.watched, error, options):
            raise
        from runner.cli.report import status_of

        return status_of(error)
    tell_end(ending, options)
    return ending.status
