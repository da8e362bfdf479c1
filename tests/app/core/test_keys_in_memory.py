"""What is left of a library's key in the memory of a process that has closed it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.vault import Passphrase
from app.core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
# Looks for the key in all memory that this process may write. It keeps the key itself only under a
# mask, and looks in C, so that it does not find its own copies.
SCRIPT = """
import ctypes, json, secrets, sys
from pathlib import Path
from app.core import vault
from app.core.workspace import Workspace

libc = ctypes.CDLL(None)
libc.memmem.restype = ctypes.c_void_p
libc.memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]

def count(masked, mask):
    needle = bytearray(a ^ b for a, b in zip(masked, mask))
    place = (ctypes.c_char * len(needle)).from_buffer(needle)
    address, found = ctypes.addressof(place), 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        words = line.split()
        if not words[1].startswith("rw") or words[-1] in ("[vvar]", "[vsyscall]"):
            continue
        low, high = (int(part, 16) for part in words[0].split("-"))
        at = low
        while (hit := libc.memmem(at, high - at, address, len(needle))):
            found += hit != address
            at = hit + 1
    needle[:] = bytes(len(needle))
    return found

folder = Path(sys.argv[1])
workspace = Workspace.open(folder, vault.Passphrase(sys.argv[2]))
workspace.create_collection("Letters")
mask = secrets.token_bytes(32)
masked = bytes(a ^ b for a, b in zip(workspace._data_key, mask))
opened = count(masked, mask)
workspace.close()
del workspace
print(json.dumps([opened, count(masked, mask)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_closed_library_leaves_no_key(tmp_path: Path) -> None:
    words = "correct horse battery"
    Workspace.open(tmp_path / "library", Passphrase(words), create=True).close()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "library"), words],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    opened, raw = json.loads(done.stdout)
    assert opened > 1  # the control: it finds what is there
    assert raw == 0
