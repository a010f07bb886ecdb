"""``runner completion``: what a shell needs to complete our words."""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class

from runner.cli.options import Command

_HINTS = {
    "bash": 'eval "$(runner completion bash)"  in ~/.bashrc',
    "zsh": 'eval "$(runner completion zsh)"  in ~/.zshrc',
    "fish": "runner completion fish > ~/.config/fish/completions/runner.fish",
}


@click.command("completion", cls=Command, epilog="  ".join(f"{shell}: {hint}." for shell, hint in _HINTS.items()))
@click.argument("shell", type=click.Choice(tuple(_HINTS)))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from runner.cli.app import root

    completer = get_completion_class(shell)
    if completer is None:  # every choice has one
        raise click.UsageError(f"no completion for {shell}")
    script = completer.source_template % completer(root, {}, "runner", "_RUNNER_COMPLETE").source_vars()
    sys.stdout.write(script)
