"""Messages of the library name parameters in backticks, ```vector_size```; on the command line these are flags."""

from __future__ import annotations

import re

import click

_NAME = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)*_?)`")


# What the library calls otherwise than the command line, where a command has no parameter of the first name.
_COMMAND_LINE_NAMES = {"vocabulary": "vocab", "folder": "temporary", "format": "source_format"}
_OF_MODEL = "model_"  # before the parameters of reading a model that share a name with others


def with_flags(message: str, command: click.Command | None) -> str:
    """`message` with the flags of `command` for the parameters that it names.

    A parameter of another command (a model must be trained with ```keep_output```, says ``fill``) becomes the flag
    of ``train``; what is a parameter of neither stays as it is.
    """
    if "`" not in message:
        return message
    flags = flags_of(command) if command is not None else {}

    def flag(match: re.Match[str]) -> str:
        name = match[1]
        if name not in flags:
            from embedkit.cli.commands.train import train

            flags.update({other: text for other, text in flags_of(train).items() if other not in flags})
        return flags.get(name, match[0])

    return _NAME.sub(flag, message)


def flags_of(command: click.Command) -> dict[str, str]:
    """Parameter -> its flag, the one that is spelt as the parameter where there are several."""
    flags = {}
    for parameter in command.params:
        long = [text for text in parameter.opts if text.startswith("--")]
        if isinstance(parameter, click.Option) and parameter.name and long:
            plain = f"--{parameter.name.replace('_', '-')}"
            flags[parameter.name] = plain if plain in long else long[0]
            if parameter.name.startswith(_OF_MODEL):
                flags.setdefault(parameter.name.removeprefix(_OF_MODEL), flags[parameter.name])
    for name, spelling in _COMMAND_LINE_NAMES.items():
        if spelling in flags:
            flags.setdefault(name, flags[spelling])
    return flags
