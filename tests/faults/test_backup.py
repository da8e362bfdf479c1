"""A backup is one state of the library, encrypted, whole or not there, and opens elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from fault_library import COLLECTION, ROOT, Program, contents, write_pdf
from stored import CHEAP, PASSPHRASE, PLANTED, make_library, opened, whole_document

from app.core import backup
from app.core.backup import back_up, check_backup
from app.core.backup_file import SUFFIX, read_manifest
from app.core.checking import check_library
from app.core.events import BackedUp, Checked, Progressed, Restored
from app.core.restoring import restore
from app.core.vault import KeySource, Passphrase, create_keys
from app.core.workspace import Workspace
from ingest.errors import StoreBusy, StoreError, StoreFull, WrongKey
from ingest.library_files import FILE_NAME
from ingest.schema import VERSION
from ingest.store import Store
from tests.ingest.older import older


def key_of(_: Path) -> KeySource:
    return PASSPHRASE


@pytest.fixture
def library(tmp_path: Path) -> tuple[Path, bytes]:
    folder = tmp_path / "library"
    return folder, make_library(folder)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def made(folder: Path, data_key: bytes, target: Path, *, verify: bool = False) -> Path:
    done = list(back_up(folder, data_key, target, verify=verify))[-1]
    assert isinstance(done, BackedUp)
    return Path(done.path)


def names(folder: Path, data_key: bytes) -> list[str]:
    """A sound library's documents."""
    checked = list(check_library(folder, data_key))[-1]
    assert isinstance(checked, Checked) and checked.sound, checked
    with opened(folder, data_key) as store:
        return [d.name for c in store.collections() for d in store.documents(c.id)]


def test_a_person_moves_to_another_computer(tmp_path: Path, stick: Path) -> None:
    """By the real program, with another home."""
    first = Program(tmp_path / "library", tmp_path / "key")
    document = write_pdf(tmp_path / "small.pdf", seed="small")
    assert first.run("add", str(document), "-c", COLLECTION)[0] == 0
    code, told, said = first.run("backup", str(stick), "--verify")
    assert (code, told["verified"], told["replaced"]) == (0, True, False), said
    assert Path(told["path"]).parent == stick and told["path"].endswith(SUFFIX)
    before = contents(first.library, first.key)
    shutil.rmtree(first.library)
    home = tmp_path / "other-home"
    home.mkdir()
    key = Path(shutil.copy(first.key, home / "key"))
    other = Program(home / "restored", key, ("env", f"HOME={home}"))
    code, restored, said = other.run("restore", told["path"], str(other.library))
    assert (code, restored["documents"]) == (0, 1), said
    assert other.run("search", "agreement", "-c", COLLECTION)[1]["passages"]
    after = contents(other.library, other.key)
    assert after.keys() == before.keys() and all(after[n].same(before[n]) for n in after)


def test_a_copied_folder_opens_elsewhere(library: tuple[Path, bytes], stick: Path) -> None:
    """Also copied while it is open: the log beside the vault belongs to it."""
    folder, data_key = library
    with opened(folder, data_key) as store:
        store.put(store.collection("Matter").id, whole_document("c.pdf"))
        shutil.copytree(folder, stick / "copy")
    assert names(stick / "copy", data_key) == ["a.pdf", "b.pdf", "c.pdf"]


def test_one_state_of_a_library_that_is_written_to(
    library: tuple[Path, bytes], stick: Path
) -> None:
    folder, data_key = library
    with opened(folder, data_key) as store:
        matter = store.collection("Matter").id
        store.put(matter, whole_document("large.pdf", size=3_000_000))
        written = 0
        for event in back_up(folder, data_key, stick, verify=True):
            if isinstance(event, Progressed) and event.what == "copying":
                store.put(matter, whole_document(f"during-{written}.pdf", size=700_000))
                store.remove(store.documents(matter)[0].id)
                written += 1
        assert written > 2
    (path,) = stick.iterdir()
    list(restore(path, stick / "restored", key_of))
    assert names(stick / "restored", data_key) == ["a.pdf", "b.pdf", "large.pdf"]


def test_while_another_program_holds_the_library(
    library: tuple[Path, bytes], stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data_key = library
    holder = (
        "import sys, pathlib; from ingest.store import Store;"
        f"store = Store(pathlib.Path({str(folder)!r}), bytes.fromhex(sys.argv[1]));"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, data_key.hex()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None and other.stdout.readline().strip() == b"ready"
        monkeypatch.setenv("MUNIMENT_PASSPHRASE", PASSPHRASE.text)
        arguments = ["--library", str(folder), "backup", str(stick), "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "app", *arguments], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        checked = list(check_library(folder, data_key))[-1]
        assert isinstance(checked, Checked) and checked.sound and checked.documents == 2
        with pytest.raises(StoreBusy):
            Store(folder, data_key)
        other.communicate()
    (path,) = stick.iterdir()
    list(restore(path, stick / "new", key_of))


def test_the_open_library_of_the_window(library: tuple[Path, bytes], stick: Path) -> None:
    """What the window calls; the library stays open and usable."""
    folder, data_key = library
    with Workspace.open(folder, PASSPHRASE) as workspace:
        *_, done = workspace.back_up(stick, verify=True)
        *_, checked = workspace.check()
        assert isinstance(done, BackedUp) and done.verified
        assert isinstance(checked, Checked) and checked.sound
        assert [d.name for d in workspace.documents("Matter")] == ["a.pdf", "b.pdf"]
    list(restore(Path(done.path), stick / "new", key_of))
    assert names(stick / "new", data_key) == ["a.pdf", "b.pdf"]


def test_nothing_readable_at_any_moment(library: tuple[Path, bytes], stick: Path) -> None:
    folder, data_key = library
    with opened(folder, data_key) as store:
        store.put(store.collection("Matter").id, whole_document("large.pdf", size=3_000_000))
    planted = [PLANTED.encode(), b"Matter", b"a.pdf", b"%PDF-", data_key, data_key.hex().encode()]
    looked = 0
    for _ in back_up(folder, data_key, stick, verify=True):
        for path in stick.iterdir():
            content = path.read_bytes()
            looked += len(content)
            assert not [word for word in planted if word in content]
            assert path.stat().st_mode & 0o077 == 0 or os.name == "nt"
    assert looked > 10_000_000


def test_an_older_one_stays_until_the_new_one_is_complete(
    library: tuple[Path, bytes], stick: Path
) -> None:
    folder, data_key = library
    path = made(folder, data_key, stick)
    before = path.read_bytes()
    with opened(folder, data_key) as store:
        store.put(store.collection("Matter").id, whole_document("c.pdf", size=6_000_000))
    for stop_after in range(1, 5):
        with closing(back_up(folder, data_key, stick)) as events:
            for _ in range(stop_after):
                next(events)
            assert path.read_bytes() == before
        assert list(stick.iterdir()) == [path] and path.read_bytes() == before
    assert made(folder, data_key, stick) == path
    assert path.read_bytes() != before and list(stick.iterdir()) == [path]


def test_what_a_killed_attempt_leaves_is_cleared_away(
    library: tuple[Path, bytes], stick: Path
) -> None:
    folder, data_key = library
    path = made(folder, data_key, stick)
    left = stick / f".{path.name}.0a1b2c3d.partial"
    left.write_bytes(b"half a backup")
    alien = stick / ".other.muniment-backup.0a1b2c3d.partial"
    alien.write_bytes(b"half a backup of another")
    made(folder, data_key, stick)
    assert sorted(stick.iterdir()) == sorted([path, alien])
    # One that is being written is left alone by a second that comes along.
    with closing(back_up(folder, data_key, stick)) as first:
        next(first)
        made(folder, data_key, stick)
        assert isinstance(list(first)[-1], BackedUp)
    assert sorted(stick.iterdir()) == sorted([path, alien])


def test_refusals(library: tuple[Path, bytes], stick: Path, tmp_path: Path) -> None:
    folder, data_key = library
    other_key = make_library(tmp_path / "other")
    theirs = made(tmp_path / "other", other_key, stick / "theirs.muniment-backup")
    letter = stick / "letter.txt"
    letter.write_text("Dear reader")
    before = {path: path.read_bytes() for path in stick.iterdir()}
    for target, cause in (
        (theirs, "backup of another library"),
        (letter, "no backup"),
        (folder, "own folder"),
        (folder / "deep" / "er", "own folder"),
        (letter / "below", "no folder"),
        (tmp_path / "unplugged", "no such folder"),
        (tmp_path / "unplugged" / "a.muniment-backup", "no folder"),
    ):
        with pytest.raises(StoreError, match=cause):
            list(back_up(folder, data_key, target))
    assert {path: path.read_bytes() for path in stick.iterdir()} == before
    assert not (tmp_path / "unplugged").exists()
    with pytest.raises(StoreError, match="no backup"):
        list(restore(letter, tmp_path / "new", key_of))
    with pytest.raises(StoreError, match="not empty"):
        list(restore(theirs, folder, key_of))
    with pytest.raises(StoreError, match="file"):
        list(restore(theirs, letter, key_of))
    with pytest.raises(WrongKey, match="passphrase") as caught:
        list(restore(theirs, tmp_path / "new", lambda _: Passphrase("another one")))
    assert caught.value.subject == str(theirs)
    assert not (tmp_path / "new").exists()
    assert names(folder, data_key) == ["a.pdf", "b.pdf"]


def test_every_changed_byte_is_noticed(library: tuple[Path, bytes], stick: Path) -> None:
    folder, data_key = library
    path = made(folder, data_key, stick)
    whole = path.read_bytes()
    manifest = read_manifest(path)
    ends = (0, manifest.vault_bytes, manifest.vault_bytes + manifest.keys_bytes, len(whole))
    places = [at for end in ends for at in (end - 7, end, end + 9) if 0 <= at < len(whole)]
    places += range(manifest.vault_bytes // 2, len(whole), 19_997)
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in places]
    changed += [whole[:at] for at in (0, 1, 20, len(whole) // 2, len(whole) - 1)]
    changed += [whole + b"x", whole[1:]]
    for content in changed:
        path.write_bytes(content)
        with pytest.raises(StoreError):
            list(check_backup(path, key_of))
        with pytest.raises(StoreError):
            list(restore(path, stick / "restored", key_of))
    assert list(stick.iterdir()) == [path]


def test_parts_of_two_backups_make_none(library: tuple[Path, bytes], stick: Path) -> None:
    folder, data_key = library
    first = made(folder, data_key, stick / "first.muniment-backup").read_bytes()
    with opened(folder, data_key) as store:
        document = store.documents(store.collection("Matter").id)[0]
        store.move(document.id, "/elsewhere/a.pdf", "a.pdf", document.modified)
    second = made(folder, data_key, stick / "second.muniment-backup").read_bytes()
    size = read_manifest(stick / "first.muniment-backup").vault_bytes
    assert size == read_manifest(stick / "second.muniment-backup").vault_bytes
    mixed = stick / "mixed"
    mixed.write_bytes(first[:size] + second[size:])
    with pytest.raises(StoreError, match="not what was written"):
        list(check_backup(mixed, key_of))


def test_a_full_stick(
    library: tuple[Path, bytes], stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data_key = library
    path = made(folder, data_key, stick)
    before = path.read_bytes()
    usage = shutil.disk_usage(stick)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(StoreFull, match="1 MB are free"):
        list(back_up(folder, data_key, stick))
    with pytest.raises(StoreFull, match="are free"):
        list(restore(path, stick / "restored", key_of))
    assert list(stick.iterdir()) == [path] and path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_disk_that_takes_no_large_file(
    library: tuple[Path, bytes], stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RLIMIT_FSIZE says what FAT32 says of 4 GB: the file is too large."""
    import resource

    folder, data_key = library
    path = made(folder, data_key, stick / "old.muniment-backup")
    monkeypatch.setattr(backup, "FAT_LIMIT", 100_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        for attempt in (
            lambda: back_up(folder, data_key, stick),
            lambda: restore(path, stick / "new", key_of),
        ):
            with pytest.raises(StoreFull, match="takes no file of that size") as caught:
                list(attempt())
            assert "exFAT" in caught.value.remedy
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(stick.iterdir()) == [path]


def test_an_older_format(tmp_path: Path, stick: Path) -> None:
    """Backed up and checked as it is; brought up to date where it is restored."""
    folder = tmp_path / "library"
    data_key = create_keys(folder, PASSPHRASE, cost=CHEAP)
    with older(folder, data_key, VERSION - 1) as old:
        old.document(old.collection("Matter"), whole_document("old.pdf"))
    path = made(folder, data_key, stick, verify=True)
    checked = list(check_backup(path, key_of))[-1]
    assert isinstance(checked, Checked) and checked.sound and "older version" in checked.note
    done = list(restore(path, tmp_path / "new", key_of))[-1]
    assert isinstance(done, Restored) and done.documents == 1
    assert names(tmp_path / "new", data_key) == ["old.pdf"]
    left = {path.name for path in (tmp_path / "new").iterdir()}
    assert left <= {FILE_NAME, "keys.json", "lock", "audit.head"}


def test_a_damaged_library_keeps_its_older_backup(library: tuple[Path, bytes], stick: Path) -> None:
    folder, data_key = library
    path = made(folder, data_key, stick)
    before = path.read_bytes()
    vault = folder / FILE_NAME
    content = bytearray(vault.read_bytes())
    content[len(content) // 2] ^= 1
    vault.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        list(back_up(folder, data_key, stick))
    assert list(stick.iterdir()) == [path] and path.read_bytes() == before


def test_a_library_that_can_only_be_read(library: tuple[Path, bytes], stick: Path) -> None:
    folder, data_key = library
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    for path in (*folder.iterdir(), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        made(folder, data_key, stick, verify=True)
    finally:
        folder.chmod(0o700)
