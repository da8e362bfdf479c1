"""Writes the command reference of ``docs/cli.md`` from what the program says of itself.

The part above the marker is written by hand and stays. Run by ``make docs``; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from app.cli import app

PAGE = Path(__file__).resolve().parent / "cli.md"
MARKER = "<!-- Below this line: written by `make docs`. -->\n"


def reference() -> str:
    """The reference of all commands, as Markdown."""
    group: Any = typer.main.get_command(app)
    parts = ["\n## Options of the program\n\n" + "".join(_options(group))]
    for name, command in _commands(group):
        usage = " ".join([f"muniment {name}", *_arguments(command), "[OPTIONS]"])
        parts.append(f"\n## `{usage}`\n\n{_help(command)}\n\n" + "".join(_options(command)))
    return "".join(parts)


def _commands(group: Any) -> Iterator[tuple[str, Any]]:
    """Every command with its words after ``muniment``; a group's follow its name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {word}", below) for word, below in _commands(command))
        else:
            yield name, command


def page(existing: str) -> str:
    """The whole page with its reference brought up to date."""
    return existing.partition(MARKER)[0] + MARKER + reference()


def _help(command: Any) -> str:
    return " ".join((command.help or "").split())


def _arguments(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = _name(parameter) + ("…" if parameter.nargs == -1 else "")
            yield name if parameter.required else f"[{name}]"


def _name(parameter: Any) -> str:
    return str(parameter.name).rstrip("_").upper()


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            yield f"- `{_name(parameter)}`: {parameter.help}\n"
            continue
        names = ", ".join(f"`{name}`" for name in parameter.opts)
        notes = [parameter.help or ""]
        if parameter.required:
            notes.append("Required.")
        elif parameter.default not in (None, False, "", [], ()):
            notes.append(f"Default: {parameter.default}.")
        if parameter.envvar:
            notes.append(f"Environment: `{parameter.envvar}`.")
        said = " ".join(note for note in notes if note)
        yield f"- {names}" + (f": {said}\n" if said else "\n")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
