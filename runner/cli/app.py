"""The command ``runner``: its nouns, and how every command begins and ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from runner import __version__
from runner.cli import report
from runner.cli.lazy import Lazy, LazyGroup
from runner.cli.options import Options, global_options
from runner.spec.problems import InvalidSpec

_RUN = "Run"
_DATA = "Data"
_JOBS = "Jobs"
_HOUSE = "House"

COMMANDS = {
    "run": Lazy("runner.cli.run:run", _RUN, "Run one job of a spec to its end."),
    "worker": Lazy("runner.cli.worker:worker", _RUN, "Run the jobs of pipelines as their inputs move."),
    "sidecar": Lazy("runner.cli.sidecar:sidecar", _RUN, "Open one job whose command runs in another container."),
    "serve": Lazy("runner.cli.serve:serve", _RUN, "Serve the whole store over S3."),
    "k8s": Lazy("runner.cli.k8s:k8s", _RUN, "Render manifests for Kubernetes."),
    "spec": Lazy("runner.cli.spec:spec", _RUN, "Check a spec, show what it means."),
    "schema": Lazy("runner.cli.schema:schema", _RUN, "Print the JSON Schema of a spec or a document."),
    "repo": Lazy("runner.cli.repo:repo", _DATA, "Create, list, inspect and delete repos."),
    "branch": Lazy("runner.cli.branch:branch", _DATA, "Create, list, inspect and delete branches."),
    "commit": Lazy("runner.cli.commit:commit", _DATA, "List, compare, make, squash and delete commits."),
    "file": Lazy("runner.cli.file:file", _DATA, "Put, get, list, show and delete objects."),
    "pipeline": Lazy("runner.cli.pipeline:pipeline", _JOBS, "Create, update, stop, start, delete pipelines."),
    "job": Lazy("runner.cli.job:job", _JOBS, "List, inspect, follow and stop jobs."),
    "datum": Lazy("runner.cli.datum:datum", _JOBS, "List and inspect the datums of a job."),
    "provenance": Lazy("runner.cli.provenance:provenance", _JOBS, "Show where a commit is from."),
    "project": Lazy("runner.cli.project:project", _HOUSE, "List projects."),
    "account": Lazy("runner.cli.account:account", _HOUSE, "Create, list and revoke accounts for auth."),
    "store": Lazy("runner.cli.store:store", _HOUSE, "Check, measure and clean the store."),
    "config": Lazy("runner.cli.config:config", _HOUSE, "Show every setting, its value and its origin."),
    "completion": Lazy("runner.cli.completion:completion", _HOUSE, "Print a shell's completion script."),
}

_COMPLETION = "_RUNNER_COMPLETE"
_HELP = """Run unchanged S3 programs as versioned, traceable pipeline jobs.

Each input repo is a read-only bucket pinned to one commit, `out` a bucket that becomes one commit.
"""


root = LazyGroup(
    "runner",
    table=COMMANDS,
    help=_HELP,
    params=global_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
root = click.version_option(__version__, "-V", "--version", message="runner %(version)s")(root)


def execute(argv: Sequence[str], options: Options | None = None) -> int:
    """Run one command and return the exit status; whatever goes wrong is said in a sentence on stderr."""
    options = options or Options()
    try:
        result = _invoke(list(argv), options)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return report.USAGE
    except click.ClickException as error:
        return _end(_usage(error))
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        return _closed_pipe()
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001 -- the outermost border
        return _fail(error, options, argv)
    return result if isinstance(result, int) else 0


def _invoke(argv: list[str], options: Options) -> object:
    """Run the command; click's own `main` is for shells that complete, since it has a way with signals and pipes."""
    if _COMPLETION in os.environ:
        return root.main(argv, prog_name="runner", complete_var=_COMPLETION)
    with root.make_context("runner", argv, obj=options) as context:
        return root.invoke(context)


def _usage(error: click.ClickException) -> report.Verdict:
    """Word a usage error as all others: lower case, no full stop, then where to read more."""
    sentence = error.format_message().rstrip(".")
    sentence = sentence[:1].lower() + sentence[1:]
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help says more" if context else ""
    return report.Verdict(report.USAGE, sentence, hint)


def _fail(error: BaseException, options: Options, argv: Sequence[str]) -> int:
    if isinstance(error, KeyboardInterrupt) and options.outcome is not None:
        return options.outcome
    gravest = report.gravest_of(error)
    if isinstance(gravest, UnicodeEncodeError) and _was_said(gravest, argv):
        return _end(report.Verdict(report.USAGE, "an argument is no text in UTF-8", "see how the terminal encodes it"))
    if isinstance(gravest, InvalidSpec):
        from runner.cli.spec import show_problems

        show_problems(gravest)
        report.leave_last_words(gravest.message)
        return report.USAGE
    verdict = report.judge(gravest)
    if verdict.status == report.BUG:
        if options.verbose:
            import traceback

            traceback.print_exception(error)
        verdict = verdict._replace(hint="" if options.verbose else report.keep_traceback(error))
    return _end(verdict)


def _was_said(error: UnicodeEncodeError, argv: Sequence[str]) -> bool:
    """Tell whether the letters that are none came from the command line: bytes of it that are no UTF-8 (PEP 383)."""
    return any(error.object[error.start : error.end] in word for word in argv)


def _end(verdict: report.Verdict) -> int:
    try:
        if verdict.status == report.INTERRUPTED and sys.stderr.isatty():
            sys.stderr.write("\n")  # the terminal has just shown ^C
        report.say(verdict)
    except BrokenPipeError:
        _closed_pipe()
    report.leave_last_words(verdict.sentence)
    return verdict.status


def _closed_pipe() -> int:
    """The reader of our output has gone, as ``head`` does: end as if the signal had been let through."""
    # Python flushes stdout once more at its exit, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13
