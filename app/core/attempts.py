"""Wrong passphrases are slowed: the more there were, the longer until the next is tried.

The count lies beside the library, in ``attempts.json``, so that starting the program again does
not reset it. Each try is counted before it is made and the count removed when it was right, so
that ending the program in between does not help. It slows a person at this program. Who has the
library's files can try without the program, or delete the count: against them stands what each
guess costs (Argon2id or PBKDF2) and the passphrase itself.

Three tries are free, then the pause doubles from one second to thirty and stays there: nobody is
locked out for good. When the clock was set back, the pause begins anew, once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.core.private_file import write_whole
from app.core.vault_errors import TooSoon

ATTEMPTS_FILE = "attempts.json"
FREE = 3
LONGEST = 30.0
_MOST_BYTES = 4096
_MOST = 1 << 20

# For libraries that may not be written: known to this process only.
_unwritten: dict[Path, _Tried] = {}


@dataclass(frozen=True, slots=True)
class _Tried:
    failed: int
    last: float  # seconds of the system's clock


def pause_after(failed: int) -> float:
    """Seconds to wait after so many wrong passphrases in a row."""
    return 0.0 if failed < FREE else min(LONGEST, 2.0 ** min(failed - FREE, 10))


def seconds_to_wait(folder: Path, clock: Callable[[], float] = time.time) -> float:
    """Seconds until the library takes the next try; 0 when it does so now."""
    tried = _read(folder)
    pause = pause_after(tried.failed)
    return min(pause, max(0.0, pause - (clock() - tried.last)))


def begin(folder: Path, clock: Callable[[], float] = time.time) -> None:
    """Counts a try that is about to be made, as a wrong one for now.

    Raises:
        TooSoon: too little time has passed since the last.
    """
    tried, now = _read(folder), clock()
    if tried.last > now:  # the clock was set back: waiting must come to an end all the same
        tried = _Tried(tried.failed, now)
        _write(folder, tried)
    wait = seconds_to_wait(folder, clock)
    if wait > 0:
        raise TooSoon(str(folder), tried.failed, wait)
    _write(folder, _Tried(min(tried.failed + 1, _MOST), now))


def succeeded(folder: Path) -> None:
    """The passphrase was right: the count begins anew."""
    _unwritten.pop(folder, None)
    with suppress(OSError):
        (folder / ATTEMPTS_FILE).unlink()


def _read(folder: Path) -> _Tried:
    if folder in _unwritten:
        return _unwritten[folder]
    try:
        with (folder / ATTEMPTS_FILE).open("rb") as file:
            record = json.loads(file.read(_MOST_BYTES))
        failed, last = record["failed"], record["last"]
        if type(failed) is int and type(last) in (int, float) and 0 <= failed <= _MOST:
            return _Tried(failed, float(last))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        pass  # none yet, or none of ours: whoever can spoil it can delete it too
    return _Tried(0, 0.0)


def _write(folder: Path, tried: _Tried) -> None:
    record = json.dumps({"failed": tried.failed, "last": tried.last})
    try:
        write_whole(folder / ATTEMPTS_FILE, record.encode("ascii"))
    except OSError:  # a medium that cannot be written, or a full disk
        _unwritten[folder] = tried
    else:
        _unwritten.pop(folder, None)
