"""How a run says that it is over: five lines on a terminal, one line or one document in a pipe."""

from __future__ import annotations

import sys
from typing import NamedTuple

from runner.cli.looks import look_at, show
from runner.cli.observers import Watched
from runner.cli.options import Options
from runner.cli.report import leave_last_words
from runner.cli.stories import Story
from runner.cli.summary import broken, summarise
from runner.cli.world import print_json
from runner.model.errors import RunnerError


class Ending(NamedTuple):
    """A job that is over, and the exit status that says so."""

    story: Story
    status: int


def tell_end(ending: Ending, options: Options) -> None:
    """Write the result to stdout, and what a person wants to know to whichever stream is a terminal."""
    story = ending.story
    key = story.job.key
    leave_last_words(f"{key} succeeded" if ending.status == 0 else f"{key}: {story.job.reason}")
    if options.is_json:
        from runner.cli.inspection import job_document

        print_json(job_document(story))
    elif options.quiet or not sys.stdout.isatty():
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
    else:
        show(summarise(story, look_at(sys.stdout)), look_at(sys.stdout))
        return
    if sys.stderr.isatty() and not options.quiet:
        show(summarise(story, look_at(sys.stderr)), look_at(sys.stderr), sys.stderr)


def tell_broken(watched: Watched, error: RunnerError, options: Options) -> bool:
    """Say in five lines that a job could not be brought to its end, if a person looks on; else False."""
    if options.quiet or not sys.stderr.isatty():
        return False
    look = look_at(sys.stderr)
    show(broken(watched.job.key, error, watched.seconds, look), look, sys.stderr)
    leave_last_words(f"{watched.job.key}: {error.message}")
    return True
