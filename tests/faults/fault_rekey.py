"""Changes a library's passphrase, as a trial of `fault_driver` runs it.

``muniment --library FOLDER @rekey NEW``. The function that does it is `change`: one that takes the
library's folder, what opens it now, and the new passphrase.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.cli.output import print_error
from app.core import vault
from app.core.key_changes import changing
from ingest.errors import IngestError

# For the passphrases that a trial only prepares.
CHEAP = vault.Argon2Cost(passes=1, memory_kib=64, lanes=1)


def _changed(folder: Path, opened_by: vault.KeySource, new: vault.Passphrase) -> None:
    """As ``muniment keys change-passphrase`` does it."""
    with changing(folder, opened_by) as keys:
        keys.add(new)


change: Callable[[Path, vault.KeySource, vault.Passphrase], None] = _changed


def main(arguments: Sequence[str]) -> None:
    """Says so when it is done, at once: from then on only the new passphrase counts."""
    folder = Path(arguments[arguments.index("--library") + 1])
    new = vault.Passphrase(arguments[arguments.index("@rekey") + 1])
    try:
        change(folder, vault.KeyFile(Path(os.environ["MUNIMENT_KEY_FILE"])), new)
    except IngestError as error:
        print_error(error)
        sys.exit(1)
    print("Rekeyed.", flush=True)
    sys.exit(0)
