"""Damaged files: a clear error or the last good state, never a crash, never a loss unsaid.

``MUNIMENT_FAULT_DAMAGES=400`` tries as many damages; ``MUNIMENT_FAULT_SEED`` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fault_library import Held, held
from scene import Scene
from stored import PASSPHRASE, make_library, opened, whole_document

from app.core.checking import check_library
from app.core.events import Checked, Rescued
from app.core.locations import check_vault
from app.core.rescuing import rescue
from app.core.vault import KeysDamaged, KeysMissing, open_keys
from app.core.workspace import Workspace
from ingest.errors import StoreError, WrongKey
from ingest.library_files import FILE_NAME
from ingest.store import Store

DAMAGES = int(os.environ.get("MUNIMENT_FAULT_DAMAGES", "60"))
SEED = int(os.environ.get("MUNIMENT_FAULT_SEED", "0")) or random.SystemRandom().getrandbits(32)
NAMES = tuple(f"{number}.pdf" for number in range(6))
LATE = "late.pdf"


def damage(path: Path, chance: random.Random) -> str:
    """Does to a file what a failing disk does; says what."""
    data = bytearray(path.read_bytes())
    kind = chance.choice(("flip", "flips", "head", "cut", "zeros", "empty", "gone"))
    if kind == "gone":
        path.unlink()
        return f"{path.name} is gone"
    if kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else 50):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "head":
        data[chance.randrange(min(100, len(data)))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[chance.randrange(len(data)) :]
    elif kind == "zeros":
        start = chance.randrange(len(data))
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    else:
        data.clear()
    path.write_bytes(data)
    return f"{kind} in {path.name}"


def documents(folder: Path, data_key: bytes, hurt: set[str]) -> dict[str, Held]:
    """All documents but those that are known to be hurt."""
    store = Store(folder, data_key, beside=True)
    try:
        return {
            document.name: held(store, document)
            for collection in store.collections()
            for document in store.documents(collection.id)
            if document.name not in hurt
        }
    finally:
        store.close()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Held]]:
    """With a log beside it, as after a crash, that holds one more document."""
    folder = tmp_path_factory.mktemp("damage") / "library"
    data_key = make_library(folder, NAMES)
    with opened(folder, data_key) as store:
        store.put(store.collection("Matter").id, whole_document(LATE))
        copy = Path(shutil.copytree(folder, folder.with_name("crashed")))
        (copy / f"{FILE_NAME}-shm").unlink()
    return copy, documents(folder, data_key, set())


def test_damages(library: tuple[Path, dict[str, Held]], tmp_path: Path) -> None:
    folder, whole = library
    for number in range(DAMAGES):
        chance = random.Random(f"damage {number} {SEED}")
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        what = damage(copy / chance.choice((FILE_NAME, f"{FILE_NAME}-wal", "keys.json")), chance)
        try:
            check_damaged(copy, whole)
        except BaseException as error:
            error.add_note(f"{what}; repeat with MUNIMENT_FAULT_SEED={SEED}")
            raise
        shutil.rmtree(copy)


def check_damaged(folder: Path, whole: dict[str, Held]) -> None:
    try:
        data_key = open_keys(folder, PASSPHRASE)
        check_vault(folder)
        *_, checked = check_library(folder, data_key)
    except StoreError as error:
        assert error.cause and error.remedy
        return
    assert isinstance(checked, Checked)
    hurt = {document.name for document in checked.hurt}
    unlisted = any("list of documents" in f or "No document" in f for f in checked.faults)
    found = {} if unlisted else documents(folder, data_key, hurt)
    assert all(document.same(whole[name]) for name, document in found.items())
    # A log that does not read on is what a crash leaves: it ends with the last whole transaction.
    if not unlisted:
        assert found.keys() | hurt >= set(NAMES)
    assert checked.sound or hurt or checked.faults


def test_which_document_is_hurt(tmp_path: Path) -> None:
    """One damaged page, one document; the others stay usable."""
    folder = tmp_path / "library"
    data_key = make_library(folder, NAMES, size=200_000)
    vault = folder / FILE_NAME
    content = bytearray(vault.read_bytes())
    seen = set()
    for page in range(10, len(content) // 16384, 7):
        content[page * 16384 + 99] ^= 1
        vault.write_bytes(content)
        *_, checked = check_library(folder, data_key)
        assert isinstance(checked, Checked) and not checked.sound
        assert checked.documents == 6 or "one by one" in str(checked.faults), checked
        assert len(checked.hurt) == 1 or page < 40, checked
        seen |= {document.name for document in checked.hurt}
        content[page * 16384 + 99] ^= 1
    assert len(seen) > 3


def test_gaps_in_the_numbers_of_passages_are_no_damage(tmp_path: Path) -> None:
    """Furniture that is left out leaves them."""
    data_key = make_library(tmp_path / "library")
    new = whole_document("gaps.pdf")
    new.chunks[-1] = replace(new.chunks[-1], ordinal=7)
    with opened(tmp_path / "library", data_key) as store:
        store.put(store.collection("Matter").id, new)
    *_, checked = check_library(tmp_path / "library", data_key)
    assert isinstance(checked, Checked) and checked.sound, checked


def test_what_is_whole_is_rescued(tmp_path: Path) -> None:
    folder, to = tmp_path / "library", tmp_path / "rescued"
    data_key = make_library(folder, NAMES, size=200_000)
    whole = documents(folder, data_key, set())
    vault = folder / FILE_NAME
    content = bytearray(vault.read_bytes())
    for page in (60, 75):
        content[page * 16384 + 99] ^= 1
    vault.write_bytes(content)
    *_, checked = check_library(folder, data_key)
    *_, done = rescue(folder, data_key, to)
    assert isinstance(checked, Checked) and isinstance(done, Rescued)
    assert done.left == checked.hurt and len(done.left) == 2
    hurt = {document.name for document in done.left}
    found = documents(to, open_keys(to, PASSPHRASE), set())
    assert found.keys() == set(NAMES) - hurt
    assert all(document.same(whole[name]) for name, document in found.items())
    *_, again = check_library(to, data_key)
    assert isinstance(again, Checked) and again.sound
    with pytest.raises(StoreError, match="not empty"):
        list(rescue(folder, data_key, to))


def test_a_missing_or_empty_vault_is_not_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    make_library(folder)
    vault = folder / FILE_NAME
    vault.write_bytes(b"")
    for told in ("empty", "missing"):
        for create in (False, True):
            with pytest.raises(StoreError, match=told):
                Workspace.open(folder, PASSPHRASE, create=create)
        vault.unlink(missing_ok=True)
    assert not vault.exists()


def test_a_library_whose_making_was_cut_off_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "__init__", lambda *_, **__: (_ for _ in ()).throw(OSError("cut")))
        with pytest.raises(OSError, match="cut"):
            Workspace.open(folder, PASSPHRASE, create=True)
    assert not (folder / FILE_NAME).exists()
    Workspace.open(folder, PASSPHRASE, create=True).close()
    assert (folder / FILE_NAME).exists()
    (folder / FILE_NAME).unlink()
    with pytest.raises(StoreError, match="missing"):
        Workspace.open(folder, PASSPHRASE)


def test_another_librarys_keys(tmp_path: Path) -> None:
    make_library(tmp_path / "one")
    make_library(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "keys.json", tmp_path / "one" / "keys.json")
    with pytest.raises(WrongKey, match=r"another library.*keys\.json"):
        Workspace.open(tmp_path / "one", PASSPHRASE)


def test_damaged_keys_are_told_from_a_wrong_passphrase(tmp_path: Path) -> None:
    """Every flipped bit: what the person is told is not that the passphrase is wrong."""
    folder = tmp_path / "library"
    make_library(folder)
    keys = folder / "keys.json"
    whole = keys.read_bytes()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << (place % 8)
        keys.write_bytes(content)
        try:
            open_keys(folder, PASSPHRASE)
        except (KeysDamaged, KeysMissing):
            continue
        except StoreError as error:
            assert not isinstance(error, WrongKey), (place, content[place : place + 20])


@pytest.mark.skipif(sys.platform != "linux", reason="the driver forks")
@pytest.mark.timeout(600)
def test_the_commands_on_damaged_libraries(scene: Scene, tmp_path: Path) -> None:
    """What a person sees: a message and an exit code, never a traceback."""
    for number in range(8):
        chance = random.Random(f"command {number} {SEED}")
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(scene.full, copy)
        what = damage(copy / chance.choice((FILE_NAME, FILE_NAME, "keys.json")), chance)
        for command in (("list",), ("search", "agreement"), ("check",), ("backup", str(tmp_path))):
            done = scene.driver.run(copy, *command)
            note = f"{what}, {command}, seed {SEED}: {done['stderr']}"
            assert done["code"] in (0, 1, 3) and "Traceback" not in done["stderr"], note
            assert done["code"] != 1 or done["stderr"].strip(), note


@pytest.mark.skipif(sys.platform != "linux", reason="the driver forks")
def test_a_person_finds_and_rescues_what_is_whole(scene: Scene, tmp_path: Path) -> None:
    library, rescued = tmp_path / "library", tmp_path / "rescued"
    shutil.copytree(scene.full, library)
    vault = library / FILE_NAME
    content = bytearray(vault.read_bytes())
    content[len(content) * 3 // 4] ^= 1  # most of it is the file of bundle.pdf
    vault.write_bytes(content)
    done = scene.driver.run(library, "check")
    assert done["code"] == 3
    assert "hurt: bundle.pdf (Matter): its file cannot be read" in done["stdout"]
    assert "4 of 5 documents are whole" in done["stdout"]
    told = json.loads(scene.driver.run(library, "check", "--json")["stdout"])
    assert not told["sound"] and [document["name"] for document in told["hurt"]] == ["bundle.pdf"]
    done = scene.driver.run(library, "check", "--rescue", str(rescued))
    assert done["code"] == 3 and "4 documents put into" in done["stdout"]
    assert "Sound: 4 documents" in scene.driver.run(rescued, "check")["stdout"]
