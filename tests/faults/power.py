"""What may be on a disk after a power cut: recorded operations, replayed with some of them lost.

One recorded run of the program gives as many cuts as wanted, at any operation. The disk that is
assumed keeps what POSIX promises and no more:

- What was written to a file before its last sync is there. Of what was written later, every
  sector (512 or 4,096 bytes) has any of its states since, so writes are lost, torn and reordered;
  the file's length is any that it has had since.
- A name is certain once its folder was synced. Of later changes to a folder's names any number is
  there, in order, as file systems with a journal keep it.
- ``-shm`` files, which are memory mapped and worth nothing after a restart, hold noise.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shim import Operation

_CHANGES_NAMES = "crlum"


@dataclass
class _File:
    """``stable`` is certain to be on the disk, ``later`` is what was done since."""

    stable: bytearray = field(default_factory=bytearray)
    later: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for at, data in self.later:
            _apply(self.stable, at, data)
        self.later.clear()

    def after_cut(self, chance: random.Random) -> bytes:
        """One of the states that may be found."""
        style = chance.choice(("lost", "kept", "prefix", "torn", "torn"))
        if style == "lost" or not self.later:
            return bytes(self.stable)
        if style in ("kept", "prefix"):
            count = len(self.later) if style == "kept" else chance.randint(0, len(self.later))
            content = bytearray(self.stable)
            for at, data in self.later[:count]:
                _apply(content, at, data)
            return bytes(content)
        return self._torn(chance, chance.choice((512, 4096)), chance.choice((0.1, 0.5, 0.9)))

    def _torn(self, chance: random.Random, sector: int, kept: float) -> bytes:
        content = bytearray(self.stable)
        lengths = [len(content)]
        for at, data in self.later:
            if data is None:
                lengths.append(at)
                continue
            lengths.append(max(lengths[-1], at + len(data)))
            if len(content) < at + len(data):
                content.extend(bytes(at + len(data) - len(content)))
            # Sector by sector; what lies over an edge belongs to both.
            for start in range(at - at % sector, at + len(data), sector):
                low, high = max(start, at), min(start + sector, at + len(data))
                if chance.random() < kept:
                    content[low:high] = data[low - at : high - at]
        length = chance.choice(lengths)
        return bytes(content[:length]) + bytes(max(0, length - len(content)))


def _apply(content: bytearray, at: int, data: bytes | None) -> None:
    """``data`` written at a place; None cuts or lengthens to it."""
    end = at if data is None else at + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if data is None:
        del content[at:]
    else:
        content[at:end] = data


class Disk:
    """The folders of a trial as they were before it, and what was done to them since."""

    def __init__(self, roots: Sequence[Path], inodes: dict[str, int], base: dict[str, bytes]):
        self._roots = [str(root) for root in roots]
        self._files = {inodes[path]: _File(bytearray(data)) for path, data in base.items()}
        self._certain: dict[str, int | None] = {
            path: inodes[path] if path in base else None for path in inodes
        }
        self._number = 0
        self._identity = {inode: inode for inode in self._files}
        self._pending: dict[str, list[Operation]] = {}
        self.said = ""

    def take(self, operation: Operation) -> None:
        """One more operation was done."""
        kind, file, at, data, _ = operation
        if kind == "s":
            self.said += data.decode("utf-8", "replace")
        elif kind == "w":
            self._file(file).later.append((at, data))
        elif kind == "t":
            self._file(file).later.append((at, None))
        elif kind == "f":
            self._sync(file, data.decode())
        elif kind in _CHANGES_NAMES:
            if kind == "c":
                # Inodes are used again: from now on this number means a new file.
                self._number -= 1
                self._identity[file] = self._number
                self._files[self._number] = _File()
            if kind == "r":
                self._follow(data.decode(), operation.other.decode())
            identity = self._identity.get(file, file)
            self._pending.setdefault(_folder_of(operation), []).append(
                operation._replace(file=identity)
            )

    def after_cut(self, chance: random.Random, into: Path) -> None:
        """Puts one of the possible states below ``into``, under the paths of the roots' names."""
        names = dict(self._certain)
        for pending in self._pending.values():
            many = len(pending)
            for operation in pending[: chance.choice((0, many, chance.randint(0, many)))]:
                _rename(names, operation)
        for root in self._roots:
            shutil.rmtree(into / Path(root).name, ignore_errors=True)
        for path, identity in sorted(names.items()):
            target = self._place(path, into)
            if target is None or not self._reachable(path, names):
                continue
            if identity is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            content = self._files[identity].after_cut(chance)
            if path.endswith("-shm"):
                content = chance.randbytes(len(content))
            target.write_bytes(content)

    def _file(self, inode: int) -> _File:
        return self._files.setdefault(self._identity.setdefault(inode, inode), _File())

    def _sync(self, inode: int, path: str) -> None:
        if self._certain.get(path, inode) is None or path in self._folders():
            for operation in self._pending.pop(path, []):
                _rename(self._certain, operation)
        else:
            self._file(inode).sync()

    def _follow(self, old: str, new: str) -> None:
        """What is pending inside a folder goes with it when it gets another name."""
        for folder in [f for f in self._pending if f == old or f.startswith(old + "/")]:
            moved = [
                operation._replace(
                    data=_moved(operation.data, old, new), other=_moved(operation.other, old, new)
                )
                for operation in self._pending.pop(folder)
            ]
            self._pending[new + folder[len(old) :]] = moved

    def _folders(self) -> set[str]:
        made = (o for pending in self._pending.values() for o in pending if o.kind == "m")
        return {*self._roots, *(o.data.decode() for o in made)}

    def _reachable(self, path: str, names: dict[str, int | None]) -> bool:
        """Whether the folders above it are there too."""
        for above in Path(path).parents:
            if str(above) in self._roots or not any(str(above).startswith(r) for r in self._roots):
                return True
            if str(above) not in names:
                return False
        return True

    def _place(self, path: str, into: Path) -> Path | None:
        for root in self._roots:
            if path == root or path.startswith(root + "/"):
                return into / Path(root).name / path[len(root) :].lstrip("/")
        return None


def _moved(name: bytes, old: str, new: str) -> bytes:
    path = name.decode()
    return (new + path[len(old) :] if path.startswith(old + "/") else path).encode()


def _folder_of(operation: Operation) -> str:
    name = operation.other if operation.kind in "rl" else operation.data
    return str(Path(name.decode()).parent)


def _rename(names: dict[str, int | None], operation: Operation) -> None:
    """Does to the names what the operation does."""
    path, other = operation.data.decode(), operation.other.decode()
    if operation.kind == "c":
        names[path] = operation.file
    elif operation.kind == "m":
        names[path] = None
    elif operation.kind == "u":
        names.pop(path, None)
    elif operation.kind == "l":
        if path in names:
            names[other] = names[path]
    else:
        below = [name for name in names if name == path or name.startswith(path + "/")]
        for name in below:
            names[other + name[len(path) :]] = names.pop(name)


def disk_of(roots: Iterable[Path]) -> Disk:
    """The disk as it is now, all of it certain."""
    roots = [root.resolve() for root in roots]
    paths = [path for root in roots for path in (root, *root.rglob("*")) if path.exists()]
    inodes = {str(path): path.stat().st_ino for path in paths}
    return Disk(roots, inodes, {str(p): p.read_bytes() for p in paths if p.is_file()})
