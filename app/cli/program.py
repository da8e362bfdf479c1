"""The program as a whole: its own options, the window, and how every error becomes an exit code."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer

from app.cli.options import EXIT_FAILED
from app.cli.output import error_fields, print_error, print_json
from app.cli.plain import say
from app.core import policy, process_guard
from app.core.locations import check_library_folder, default_library
from engine.errors import EngineError
from ingest.errors import IngestError

app = typer.Typer(
    name="muniment",
    help="Ask your documents. Nothing leaves the desk.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some files failed, 130 stopped by "
    "Ctrl-C.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# What typer raises for wrong usage; typer names only its subclass.
UsageError = cast("type[Exception]", typer.BadParameter.__bases__[0])


# They say what is wrong with the policy; the window shows it where the library would open.
_WITHOUT_POLICY = ("policy", "doctor", None)


class State:
    """What the options of the program say."""

    library: Path = Path()


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"Muniment {metadata.version('muniment')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    library: Annotated[
        Path | None, typer.Option(envvar="MUNIMENT_LIBRARY", help="The library's folder.")
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Without a command, opens the window."""
    State.library = library or default_library()
    if context.invoked_subcommand not in _WITHOUT_POLICY:
        policy.current()  # nothing goes on under a policy that cannot be read
    if context.invoked_subcommand is None:
        check_library_folder(State.library)
        displays = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        if sys.platform == "linux" and not any(map(os.environ.get, displays)):
            raise IngestError(
                "window", "There is no display to open it on.", "Use a command: muniment --help"
            )
        from app.ui.main import main as window

        raise typer.Exit(window(["muniment", "--library", str(State.library)]))


def main() -> NoReturn:
    """Entry point of ``muniment``; turns our errors into a message and an exit code."""
    process_guard.enforce()
    sys.argv[1:] = _library_first(sys.argv[1:])
    wants_json = "--json" in sys.argv
    try:
        # Typer prints wrong usage itself, unless it has to be said as JSON.
        code = app(standalone_mode=not wants_json)
    except (IngestError, EngineError) as error:
        if wants_json:
            print_json({"error": error_fields(error)})
        print_error(error)
        sys.exit(EXIT_FAILED)
    except UsageError as error:
        sys.exit(_tell_wrong_usage(error))
    except typer.Abort:
        told = IngestError("muniment", "It was stopped at a question.", "Run it again.")
        print_json({"error": error_fields(told)})
        print_error(told)
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output went away; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(EXIT_FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def _tell_wrong_usage(error: Any) -> int:
    """Says as JSON what is wrong with the words of the command; returns the exit code."""
    command = error.ctx.command_path if error.ctx else "muniment"
    told = IngestError(command, error.format_message(), f"See: {command} --help")
    print_json({"error": error_fields(told)})
    print_error(told)
    return int(error.exit_code)


def _library_first(arguments: list[str]) -> list[str]:
    """``--library`` belongs to the program, but people write it after the command as well."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            return [*first, *rest, argument, *waiting]
        if argument == "--library" and waiting:
            first += [argument, waiting.pop(0)]
        else:
            (first if argument.startswith("--library=") else rest).append(argument)
    return [*first, *rest]
