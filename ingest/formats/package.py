"""Office packages (zip files) made safe: a bomb is refused before anything is unpacked."""

from __future__ import annotations

import io
import zipfile

from ingest.errors import DamagedFile, LimitExceeded

_MAX_MEMBERS = 10_000
_MAX_MEMBER = 256 << 20
_MAX_UNPACKED = 512 << 20


def check(data: bytes, name: str) -> None:
    """Looks through the package's directory.

    The sizes stated there may lie; `zipfile` then stops at the stated size, so they bind.

    Raises:
        LimitExceeded: unpacked, it would be far larger than any document.
        DamagedFile: the directory cannot be read, or members are encrypted.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise DamagedFile(name, "Its package is broken.", "Look for a complete copy.") from error
    sizes = [member.file_size for member in members]
    if len(members) > _MAX_MEMBERS or sum(sizes) > _MAX_UNPACKED or max(sizes) > _MAX_MEMBER:
        cause = f"Unpacked it would hold {len(sizes)} parts and {sum(sizes) >> 20} MB."
        raise LimitExceeded(name, cause, "Open it in its program, and save it as PDF.")
    if any(member.flag_bits & 1 for member in members):
        cause = "Parts of it are encrypted."
        raise DamagedFile(name, cause, "Save a copy without a password, and add that.")
