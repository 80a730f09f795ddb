"""The types of arguments that name files: what is read, and what is written and therefore must not be read too.

Every command declares its files with these two types, so that one rule holds for all: a file that is written must not
be one that is read, or another one that is written, also through links and inside folders; and what cannot be written
is told before the work begins.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

import click

from embedkit.errors import ConfigError
from embedkit.files.checkpoint import file_in
from embedkit.files.outputs import check_output, refuse_overwriting, same_file
from embedkit.files.urls import is_url, plain
from embedkit.formats.table import words_beside

_SEEN = "embedkit.files"
# Suffixes of other programs' models and of files of no model, beside those of word vectors.
OTHER_MODELS = (
    *(".arpa", ".ftz", ".klm", ".onnx", ".pb", ".pickle", ".pkl", ".pt", ".pth"),
    *(".bz2", ".gz", ".json", ".jsonl", ".xz", ".zip", ".zst"),
)


class InputFile(click.Path):
    """A file or folder that the command reads; whether it exists is told by what reads it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            raise ConfigError("expected the name of a file, found an empty one")
        path = plain(os.fsdecode(super().convert(value, param, ctx)))
        if ctx is not None and not ctx.resilient_parsing:
            inputs, outputs = _seen(ctx)
            if path == "-" and any(other == "-" for _, other in inputs):
                raise ConfigError(
                    "standard input (-) is named twice, and can be read once: write one of both to a file"
                )
            inputs.append((_name(param), path))
            for output, output_type in outputs:
                output_type.compare(output, [(_name(param), path)])
        return path


class OutputFile(click.Path):
    """A file that the command writes.

    Parameters
    ----------
    in_place_of : str, optional
        The parameter whose file may be replaced.
    folders : bool
        It may be a folder; the command itself sees to it that nothing in it is lost.
    """

    def __init__(self, in_place_of: str | None = None, folders: bool = False) -> None:
        super().__init__()
        self.in_place_of = in_place_of
        self.folders = folders

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = plain(os.fsdecode(super().convert(value, param, ctx)))
        if ctx is not None and not ctx.resilient_parsing:
            inputs, outputs = _seen(ctx)
            self.compare(path, inputs)
            _refuse_same(path, outputs)
            if not (self.folders and (os.path.isdir(path) or (is_url(path) and path.endswith("/")))):
                check_output(path)
            outputs.append((path, self))
        return path

    def compare(self, output: str, inputs: list[tuple[str | None, str]]) -> None:
        """Refuse an output that is one of the (parameter, path) inputs."""
        refuse_overwriting(output, [path for name, path in inputs if name is None or name != self.in_place_of])
        refuse_overwriting(output, [words for _, path in inputs if (words := words_beside(path)) is not None])


class CheckpointFolder(click.Path):
    """A folder or URL for the state of a run; its file is another than those that the command writes."""

    def __init__(self) -> None:
        super().__init__(file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folder = os.fsdecode(super().convert(plain(os.fsdecode(value)), param, ctx))
        if ctx is not None and not ctx.resilient_parsing:
            outputs = _seen(ctx)[1]
            _refuse_same(file_in(folder), outputs)
            outputs.append((file_in(folder), OUTPUT))
        return folder


class TrainedModelFile(OutputFile):
    """A file that a trained model is written to, .safetensors unless it has no suffix, or one of its own.

    Parameters
    ----------
    also : collection of str
        Suffixes of other formats that this command writes too.
    """

    def __init__(self, also: Collection[str] = ()) -> None:
        super().__init__()
        self.also = also

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = super().convert(value, param, ctx)
        check_model_name(path, self.also)
        return path


def check_model_name(path: str, also: Collection[str] = ()) -> None:
    """Refuse a name that promises another format than the one of trained models.

    Raises
    ------
    ConfigError
    """
    from embedkit.formats import FORMATS, format_for

    suffix = os.path.splitext(path)[1].lower()
    if not suffix or suffix in (".safetensors", *also):
        return
    try:
        known = suffix in OTHER_MODELS or format_for(f"m{suffix}") in FORMATS
    except ConfigError:
        known = suffix in OTHER_MODELS
    if known:
        named = ", ".join((".safetensors", *also))
        raise ConfigError(f"a model of this kind is written as {named}, not as {suffix}: name another file than {path}")


def held_by_stdin() -> str | None:
    """The parameter of this command whose file is read from standard input, which leaves no questions on it."""
    inputs, _ = _seen(click.get_current_context())
    return next((name for name, path in inputs if path == "-"), None)


def refuse_held_stdin(instead: str) -> None:
    """Refuse to read questions from standard input where a file is read from it; `instead` is what to do.

    Raises
    ------
    ConfigError
    """
    held = held_by_stdin()
    if held is not None:
        what = held if held in ("model", "vectors", "corpus") else f"`{held}`"
        raise ConfigError(f"standard input holds the {what}: {instead}")


def _refuse_same(path: str, outputs: list[tuple[str, OutputFile]]) -> None:
    if any(same_file(path, other) for other, _ in outputs):
        raise ConfigError(f"two outputs go to one file, {path}; name two")


def _name(param: click.Parameter | None) -> str | None:
    return None if param is None else param.name


def _seen(ctx: click.Context) -> tuple[list[tuple[str | None, str]], list[tuple[str, OutputFile]]]:
    """What the command line has named so far: inputs with their parameters, outputs with their types."""
    found: Any = ctx.meta.setdefault(_SEEN, ([], []))
    return found


INPUT = InputFile()
OUTPUT = OutputFile()
MODEL = TrainedModelFile()
CHECKPOINT = CheckpointFolder()
