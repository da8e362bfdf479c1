"""What a program asked of the kernel, read from strace: sockets, name look-ups, files written.

Lines are as ``strace -f -y`` writes them: a descriptor stands with its path, ``3</a/b>``.
Source: strace(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    "socket,connect,sendto,sendmsg,sendmmsg,bind,io_uring_setup,open,openat,openat2,creat,mkdir,"
    "mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,unlink,unlinkat"
)
COMMAND = ("strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLS}")

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?(.*)$")
_STRING = re.compile(r'(?:AT_FDCWD<([^>]*)>|\d+<([^>]*)>|AT_FDCWD)?(?:, )?"((?:[^"\\]|\\.)*)"')
_BEGUN = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_NAMES = ("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf")
_WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
_MAKING = {"mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "symlink"}
_MAKING |= {"symlinkat", "mknod", "mknodat", "unlink", "unlinkat"}
# Not on any disk: devices without content, pipes, what the kernel tells and is told.
_NO_FILES = ("/dev/null", "/dev/tty", "/dev/pts/", "/dev/ptmx", "/proc/", "/sys/")


@dataclass(slots=True)
class Seen:
    """What a trace shows, each as its line; ``calls`` tells that it shows anything at all."""

    calls: int = 0
    sockets: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)

    def outside(self, allowed: Iterable[Path]) -> dict[str, str]:
        """The paths written to that lie in none of these folders, and do not lead to one."""
        folders = [str(folder) for folder in allowed]
        return {
            path: line
            for path, line in self.written.items()
            if not any(f"{path}/".startswith(f"{folder}/") for folder in folders)
            and not any(folder.startswith(f"{path}/") for folder in folders)
        }


def read(file: Path) -> Seen:
    """Reads a trace.

    Raises:
        ValueError: a line with a system call of `CALLS` that cannot be understood.
    """
    seen = Seen()
    for line in _whole(file.read_text(encoding="utf-8", errors="replace").splitlines()):
        if "exited with" in line or "killed by" in line or "--- SIG" in line:
            continue
        found = _CALL.match(line)
        if found is None:
            if " = ?" in line or "resuming interrupted" in line:
                continue  # the process ended inside the call
            raise ValueError(f"not understood: {line}")
        seen.calls += 1
        _take(seen, line, *found.groups())
    return seen


def _take(
    seen: Seen, line: str, call: str, arguments: str, answer: str, path: str | None, _rest: str
) -> None:
    if call == "socket" and not arguments.startswith("AF_UNIX"):
        seen.sockets.append(line)
    elif call in ("connect", "sendto", "sendmsg", "sendmmsg", "bind"):
        if "AF_INET" in arguments:
            seen.sockets.append(line)
    elif call == "io_uring_setup" and int(answer) >= 0:
        seen.sockets.append(line)
    elif call in ("open", "openat", "openat2", "creat"):
        if any(f'"{name}"' in arguments for name in _NAMES):
            seen.names.append(line)
        writing = call == "creat" or any(flag in arguments for flag in _WRITING)
        if writing and int(answer) >= 0:
            _note(seen, line, path or "")
    elif call in _MAKING and int(answer) == 0:
        for where, beside, name in _STRING.findall(arguments):
            base = where or beside
            _note(seen, line, name if name.startswith("/") or not base else f"{base}/{name}")


def _note(seen: Seen, line: str, path: str) -> None:
    path = path.removesuffix(" (deleted)")
    if path.startswith(("pipe:", "socket:", "anon_inode:", "/memfd:")):
        return
    if path.startswith(_NO_FILES) or path == "/dev":
        return
    seen.written.setdefault(path, line)


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Calls of several threads interleave: the two halves of one are joined."""
    begun: dict[str, str] = {}
    for line in lines:
        if found := _BEGUN.match(line):
            begun[found[1]] = found[2]
        elif found := _RESUMED.match(line):
            if found[1] in begun:
                yield f"{found[1]} {begun.pop(found[1])}{found[2]}"
        else:
            yield line
