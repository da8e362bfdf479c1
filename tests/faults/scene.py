"""Operations on libraries that the fault tests interrupt, and what must hold afterwards."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_library import COLLECTION, Driver, Held, contents, write_documents, write_pdf
from fault_rekey import CHEAP

from app.core.backup import back_up, check_backup
from app.core.events import Checked
from app.core.vault import KeyFile, Passphrase, add_protector, open_keys
from ingest.errors import StoreError, WrongKey

REMOVED = "bundle.pdf"
OLD, NEW = "the passphrase until now", "the passphrase from now on"
BACKUP = "backup.muniment-backup"


@dataclass
class Scene:
    """Files, a finished library of their first version, and what each version becomes."""

    driver: Driver
    folder: Path
    files: Path
    key: Path
    base: Path
    full: Path
    kept: dict[str, Held]
    first: dict[str, Held]
    second: dict[str, Held]

    def put_files(self, version: str) -> None:
        """The folder that is added holds this version of the files from now on."""
        shutil.copytree(self.folder / version, self.files, dirs_exist_ok=True)

    def copy(self, library: Path, number: int) -> Path:
        copy = self.folder / f"trial-{number}"
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(library, copy))

    def add(self, library: Path, kill: dict[str, Any] | None = None) -> Any:
        return self.driver.run(
            library, "add", str(self.files), "-c", COLLECTION, "--json", kill=kill
        )

    def remove(self, library: Path, kill: dict[str, Any] | None = None) -> Any:
        return self.driver.run(library, "remove", REMOVED, "--json", kill=kill)


@contextmanager
def made_scene(folder: Path, preload: Path | None = None) -> Iterator[Scene]:
    """Makes the libraries of a scene in ``folder``, and a driver that is closed at the end."""
    key, files, base, full = (folder / name for name in ("key", "files", "base", "full"))
    driver = Driver(key, preload)
    try:
        old = write_pdf(folder / "stored-before.pdf", seed="before")
        assert driver.run(base, "add", str(old), "-c", COLLECTION)["code"] == 0
        kept = contents(base, key)
        made = Scene(driver, folder, files, key, base, full, kept, {}, {})
        for version, found in (("first", made.first), ("second", made.second)):
            write_documents(folder / version, version)
            made.put_files(version)
            library = full if version == "first" else folder / "other"
            shutil.copytree(base, library)
            assert made.add(library)["code"] == 0
            found.update(contents(library, key))
            assert len(found) == 5
        yield made
    finally:
        driver.close()


@dataclass
class Place:
    """Where one trial works: everything that the operation may change lies below ``root``."""

    root: Path
    said: str = ""
    memory: dict[str, bytes] = field(default_factory=dict)

    @property
    def library(self) -> Path:
        return self.root / "library"

    @property
    def stick(self) -> Path:
        return self.root / "stick"

    def moved(self, root: Path, said: str) -> Place:
        """The same trial, looked at in another state of its disk."""
        return Place(root, said, self.memory)


class Interrupted(ABC):
    """An operation: how it is prepared and run, what may be found afterwards, and then again."""

    name = ""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @abstractmethod
    def prepare(self, place: Place) -> None:
        """Puts there what the operation finds."""

    def run(self, place: Place, kill: dict[str, Any] | None = None) -> Any:
        """One trial; what it said, for the eye of a person, is kept in the place."""
        done = self.scene.driver.run(place.library, *self.arguments(place), kill=kill)
        place.said = done["stdout"] + done["stderr"]
        return done

    @abstractmethod
    def arguments(self, place: Place) -> tuple[str, ...]:
        """The words of the command after ``muniment --library FOLDER``."""

    @abstractmethod
    def check(self, place: Place, *, complete: bool) -> None:
        """Whole or not at all; and what was said to be done is done."""

    def again(self, place: Place) -> None:
        """The same command, run again, completes."""
        done = self.run(place)
        assert done["code"] == 0, done["stderr"]
        self.check(place, complete=True)


class Adding(Interrupted):
    name = "ingest"

    def prepare(self, place: Place) -> None:
        self.scene.put_files("first")
        shutil.copytree(self.scene.base, place.library)

    def arguments(self, place: Place) -> tuple[str, ...]:  # noqa: ARG002
        return "add", str(self.scene.files), "-c", COLLECTION

    def check(self, place: Place, *, complete: bool) -> None:
        found = contents(place.library, self.scene.key)
        assert found.keys() >= self.scene.kept.keys() | reported(place.said, "added")
        assert all(found[name].same(self.scene.first[name]) for name in found)
        assert not complete or found.keys() == self.scene.first.keys()


class Replacing(Interrupted):
    name = "replace"

    def prepare(self, place: Place) -> None:
        self.scene.put_files("second")
        shutil.copytree(self.scene.full, place.library)

    arguments = Adding.arguments

    def check(self, place: Place, *, complete: bool) -> None:
        found = contents(place.library, self.scene.key)
        assert found.keys() == self.scene.first.keys()
        certain = found.keys() if complete else reported(place.said, "replaced")
        for name, document in found.items():
            old = name not in certain and document.same(self.scene.first[name])
            assert old or document.same(self.scene.second[name]), name


class Removing(Interrupted):
    name = "delete"

    def prepare(self, place: Place) -> None:
        shutil.copytree(self.scene.full, place.library)

    def arguments(self, place: Place) -> tuple[str, ...]:  # noqa: ARG002
        return ("remove", REMOVED)

    def check(self, place: Place, *, complete: bool) -> None:
        found = contents(place.library, self.scene.key)
        gone = complete or "Removed" in place.said
        rest = self.scene.first.keys() - {REMOVED}
        assert rest <= found.keys() <= (rest if gone else self.scene.first.keys())
        assert all(found[name].same(self.scene.first[name]) for name in found)

    def again(self, place: Place) -> None:
        there = REMOVED in contents(place.library, self.scene.key)
        done = self.run(place)
        assert done["code"] == (0 if there else 1), done["stderr"]
        self.check(place, complete=True)


class Rekeying(Interrupted):
    name = "rekey"

    def prepare(self, place: Place) -> None:
        shutil.copytree(self.scene.base, place.library)
        data_key = open_keys(place.library, KeyFile(self.scene.key))
        add_protector(place.library, data_key, Passphrase(OLD), cost=CHEAP)

    def arguments(self, place: Place) -> tuple[str, ...]:  # noqa: ARG002
        return "@rekey", NEW

    def check(self, place: Place, *, complete: bool) -> None:
        data_key = open_keys(place.library, KeyFile(self.scene.key))
        opened = [words for words in (OLD, NEW) if self._opens(place, words, data_key)]
        done = complete or "Rekeyed." in place.said
        assert opened in ([[NEW]] if done else [[OLD], [NEW]]), opened
        assert contents(place.library, self.scene.key).keys() == self.scene.kept.keys()

    def _opens(self, place: Place, words: str, data_key: bytes) -> bool:
        try:
            return bytes(open_keys(place.library, Passphrase(words))) == bytes(data_key)
        except WrongKey:
            # A pause after a wrong passphrase is another test's affair.
            (place.library / "attempts.json").unlink(missing_ok=True)
            return False


class BackingUp(Interrupted):
    """Over an older backup, while there is more in the library than it holds."""

    name = "backup"

    def prepare(self, place: Place) -> None:
        place.stick.mkdir()
        shutil.copytree(self.scene.base, place.library)
        data_key = open_keys(place.library, KeyFile(self.scene.key))
        for _ in back_up(place.library, data_key, place.stick / BACKUP):
            pass
        place.memory["old"] = (place.stick / BACKUP).read_bytes()
        shutil.rmtree(place.library)
        shutil.copytree(self.scene.full, place.library)
        # Of the same library: what the base was filled with came later.

    def arguments(self, place: Place) -> tuple[str, ...]:
        return "backup", str(place.stick / BACKUP), "--verify"

    def check(self, place: Place, *, complete: bool) -> None:
        found = contents(place.library, self.scene.key)
        assert found.keys() == self.scene.first.keys()
        backup = place.stick / BACKUP
        if backup.read_bytes() == place.memory["old"]:
            assert not complete and "Backed up" not in place.said
            return
        *_, checked = check_backup(backup, lambda _: KeyFile(self.scene.key))
        assert isinstance(checked, Checked) and checked.sound
        assert checked.documents == len(self.scene.first)
        if complete:
            assert list(place.stick.iterdir()) == [backup], "something was left behind"


class Restoring(Interrupted):
    name = "restore"

    def prepare(self, place: Place) -> None:
        place.stick.mkdir()
        data_key = open_keys(self.scene.full, KeyFile(self.scene.key))
        for _ in back_up(self.scene.full, data_key, place.stick / BACKUP):
            pass

    def arguments(self, place: Place) -> tuple[str, ...]:
        return "restore", str(place.stick / BACKUP), str(place.library)

    def check(self, place: Place, *, complete: bool) -> None:
        if not place.library.exists():
            assert not complete and "Restored" not in place.said
            return
        found = contents(place.library, self.scene.key)
        assert found.keys() == self.scene.first.keys()
        if complete:
            assert {path.name for path in place.root.iterdir()} == {"library", "stick"}

    def again(self, place: Place) -> None:
        if place.library.exists():
            self.check(place, complete=True)
        else:
            super().again(place)


class Creating(Interrupted):
    """The library itself is made by the first document."""

    name = "create"

    def prepare(self, place: Place) -> None:
        pass

    def arguments(self, place: Place) -> tuple[str, ...]:  # noqa: ARG002
        return "add", str(self.scene.folder / "stored-before.pdf"), "-c", COLLECTION

    def check(self, place: Place, *, complete: bool) -> None:
        certain = complete or bool(reported(place.said, "added"))
        try:
            found = contents(place.library, self.scene.key)
        except StoreError:
            assert not certain
            return
        names = self.scene.kept.keys()
        assert found.keys() == names if certain else found.keys() <= names
        assert all(found[name].same(self.scene.kept[name]) for name in found)


OPERATIONS: dict[str, Callable[[Scene], Interrupted]] = {
    kind.name: kind
    for kind in (Adding, Replacing, Removing, Rekeying, BackingUp, Restoring, Creating)
}


def reported(said: str, what: str) -> set[str]:
    """The names of the files that the program has said to be ``what``."""
    lines = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return {Path(line.split(": ", 1)[1].strip()).name for line in lines if line.startswith(what)}
