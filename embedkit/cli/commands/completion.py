"""``embedkit completion``: the script that makes a shell complete embedkit's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(epilog='Example: eval "$(embedkit completion bash)"')
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that makes SHELL complete commands, options and their values with Tab.

    \b
    Once and for all:
      bash   embedkit completion bash >> ~/.bash_completion
      zsh    embedkit completion zsh > ~/.embedkit.zsh
             echo 'source ~/.embedkit.zsh' >> ~/.zshrc
      fish   embedkit completion fish > ~/.config/fish/completions/embedkit.fish
    """
    root = click.get_current_context().find_root().command
    maker = get_completion_class(shell)
    click.echo(maker(root, {}, "embedkit", "_EMBEDKIT_COMPLETE").source())  # type: ignore[misc]
