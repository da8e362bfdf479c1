"""Compiles the kernels with the C compiler at hand: ``python engine/native/build.py``.

Run by ``make setup`` and by the installers; the program itself never compiles anything. Without a
compiler nothing is written and the engine runs on torch's own operators, several times slower.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = HERE / "kernels.so"
FLAGS = (
    "-O3 -std=gnu11 -fPIC -pthread -fvisibility=hidden -Wall -Wextra -Wno-psabi -Wno-unused "
    # One order of sums everywhere: the same bits whatever the number of rows.
    "-ffp-contract=fast -fno-tree-reassoc -fno-math-errno"
).split()
SETS = {
    "generic": [],
    "avx2": "-mavx2 -mfma -mf16c".split(),
    "avx512": "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c".split(),
}


def build(to: Path = LIBRARY) -> Path:
    """Compiles the kernels for every instruction set of this kind of processor into one library.

    Raises FileNotFoundError without a compiler, subprocess.CalledProcessError if it fails.
    """
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("There is no C compiler; install gcc and run this again.")
    sets = SETS if platform.machine() in ("x86_64", "AMD64") else {"generic": []}
    with tempfile.TemporaryDirectory() as scratch:
        objects, running = [], []
        for name, flags in [*sets.items(), ("dispatch", []), ("pool", [])]:
            target = Path(scratch, f"{name}.o")
            command = [compiler, *FLAGS, *flags, "-c", str(HERE / "src" / f"{name}.c")]
            running.append((command, subprocess.Popen([*command, "-o", str(target)])))
            objects.append(str(target))
        for command, process in running:
            if process.wait():
                raise subprocess.CalledProcessError(process.returncode, command)
        library = Path(scratch, "kernels.so")
        link = [compiler, "-shared", "-pthread", *objects, "-o", str(library), "-lm"]
        subprocess.run(link, check=True)
        # Replaced whole, so that a running program keeps the library it has mapped.
        partial = to.with_suffix(".partial")
        shutil.copyfile(library, partial)
        partial.replace(to)
    return to


def is_current() -> bool:
    """Whether the library is there and not older than its sources."""
    if not LIBRARY.exists():
        return False
    newest = max(path.stat().st_mtime for path in (HERE / "src").iterdir())
    return LIBRARY.stat().st_mtime >= newest


if __name__ == "__main__":
    if not is_current():
        try:
            build()
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            print(f"The fast kernels were not built: {error}", file=sys.stderr)
            sys.exit(1)
