"""Entry of the window: ``muniment`` without a command. Parses its options, opens the library."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from app.core import offline, process_guard

LIBRARY_VARIABLE = "MUNIMENT_LIBRARY"


def main(argv: Sequence[str]) -> int:
    """Shows the window until it is closed; returns the exit code. ``argv`` is as sys.argv."""
    offline.enforce()
    process_guard.enforce()
    options = _parser().parse_args(argv[1:])
    # After the guard, so that no library is loaded before it stands.
    from app.core.locations import default_library
    from app.core.vault import KeyFile, key_source_from_environment
    from app.ui.shell import Shell, make_application

    named = options.library or os.environ.get(LIBRARY_VARIABLE)
    folder = Path(named) if named else default_library()
    key = KeyFile(options.key_file) if options.key_file else key_source_from_environment(folder)
    application = make_application()
    # Python's handler would wait for the next Python bytecode, which an idle window never runs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return Shell(application, folder).run(key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="muniment", description="Ask your documents. Nothing leaves the desk."
    )
    parser.add_argument("--library", type=Path, help="the library's folder")
    parser.add_argument("--key-file", type=Path, help="the key file that opens the library")
    return parser
