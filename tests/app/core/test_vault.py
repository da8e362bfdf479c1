"""The library's keys: what opens them, what does not, and what is left on disk."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import fail

from app.core import policy, private_file, vault
from app.core.vault import (
    Argon2Cost,
    BadKeySource,
    KeyFile,
    KeyringKey,
    KeyringUnusable,
    KeysDamaged,
    KeysExist,
    KeysMissing,
    KeySource,
    Passphrase,
    add_protector,
    create_keys,
    has_keys,
    key_source_from_environment,
    open_keys,
    protectors,
)
from ingest.errors import NewerStore, StoreFull, StoreReadOnly, WrongKey

CHEAP = Argon2Cost(passes=1, memory_kib=64, lanes=1)
SECRET = "correct horse bättery staple"


class MemoryKeyring(KeyringBackend):
    """Stands for a real keyring."""

    priority = 5.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


class PlainTextKeyring(MemoryKeyring):
    """Stands for `keyrings.alt`, which writes secrets to a readable file."""

    priority = 0.5  # type: ignore[assignment]


@pytest.fixture
def use_keyring() -> Iterator[Callable[[KeyringBackend], None]]:
    previous = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(previous)


@pytest.fixture(params=["passphrase", "keyfile", "keyring"])
def source(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    use_keyring: Callable[[KeyringBackend], None],
) -> KeySource:
    use_keyring(MemoryKeyring())
    sources: dict[str, KeySource] = {
        "passphrase": Passphrase(SECRET),
        "keyfile": KeyFile(tmp_path / "my.key"),
        "keyring": KeyringKey(),
    }
    return sources[request.param]


def test_what_created_the_keys_opens_them(tmp_path: Path, source: KeySource) -> None:
    library = tmp_path / "library"
    assert not has_keys(library)
    key = create_keys(library, source, cost=CHEAP)
    assert len(key) == 32
    assert has_keys(library)
    assert open_keys(library, source) == key
    assert len(protectors(library)) == 1


def test_keys_file_holds_no_secret_and_is_private(tmp_path: Path, source: KeySource) -> None:
    key = create_keys(tmp_path, source, cost=CHEAP)
    content = (tmp_path / "keys.json").read_text()
    assert key.hex() not in content
    assert SECRET not in content
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".keys.json*"))


def test_default_cost_is_worth_its_name(tmp_path: Path) -> None:
    create_keys(tmp_path, Passphrase(SECRET))
    protector = json.loads((tmp_path / "keys.json").read_text())["protectors"][0]
    assert protector["kdf"] == "argon2id"
    assert protector["memory_kib"] >= 64 * 1024
    assert protector["passes"] >= 3


def test_a_wrong_passphrase_names_library_cause_and_remedy(tmp_path: Path) -> None:
    create_keys(tmp_path, Passphrase(SECRET), cost=CHEAP)
    with pytest.raises(WrongKey) as caught:
        open_keys(tmp_path, Passphrase(SECRET + "!"))
    assert str(tmp_path) in str(caught.value)
    assert "passphrase" in caught.value.cause
    assert caught.value.remedy


def test_a_passphrase_is_the_same_however_its_accents_are_typed(tmp_path: Path) -> None:
    key = create_keys(tmp_path, Passphrase("caf\u00e9 au lait"), cost=CHEAP)
    assert open_keys(tmp_path, Passphrase("cafe\u0301 au lait")) == key


@pytest.mark.parametrize("text", ["", "seven77", "e\u0301" * 7])
def test_a_new_passphrase_must_have_eight_characters(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadKeySource, match="at least 8") as caught:
        create_keys(tmp_path, Passphrase(text), cost=CHEAP)
    assert "several words" in caught.value.remedy
    assert not has_keys(tmp_path)
    key = create_keys(tmp_path, Passphrase("eight888"), cost=CHEAP)
    with pytest.raises(BadKeySource):
        add_protector(tmp_path, key, Passphrase(text), cost=CHEAP)
    assert open_keys(tmp_path, Passphrase("eight888")) == key


def test_an_older_library_opens_with_its_short_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(vault, "LEAST_CHARACTERS", 1)
        before.setattr(policy, "passphrase_problem", lambda _: None)
        key = create_keys(tmp_path, Passphrase("abc"), cost=CHEAP)
    assert open_keys(tmp_path, Passphrase("abc")) == key


def test_key_file_is_private_and_reused(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "my.key")
    first = create_keys(tmp_path / "a", source)
    assert stat.S_IMODE(source.path.stat().st_mode) == 0o600
    before = source.path.read_text()
    second = create_keys(tmp_path / "b", source)
    assert source.path.read_text() == before
    assert first != second
    assert open_keys(tmp_path / "a", source) == first


def test_missing_wrong_and_senseless_key_files(tmp_path: Path) -> None:
    library = tmp_path / "library"
    source = KeyFile(tmp_path / "my.key")
    create_keys(library, source)
    source.path.rename(tmp_path / "moved.key")
    with pytest.raises(WrongKey, match="missing"):
        open_keys(library, source)
    assert not source.path.exists()
    source.path.write_text("00" * 32)
    with pytest.raises(WrongKey, match="key file"):
        open_keys(library, source)
    source.path.write_text("no key at all")
    with pytest.raises(BadKeySource, match="hexadecimal"):
        open_keys(library, source)


def test_protectors_are_added_and_replaced(tmp_path: Path) -> None:
    library = tmp_path / "library"
    file = KeyFile(tmp_path / "my.key")
    key = create_keys(library, Passphrase(SECRET), cost=CHEAP)
    add_protector(library, key, file)
    assert protectors(library) == ["passphrase", "keyfile"]
    add_protector(library, key, Passphrase("another one"), cost=CHEAP)
    assert sorted(protectors(library)) == ["keyfile", "passphrase"]
    assert open_keys(library, Passphrase("another one")) == key
    assert open_keys(library, file) == key
    with pytest.raises(WrongKey):
        open_keys(library, Passphrase(SECRET))


def test_another_librarys_key_is_not_added(tmp_path: Path) -> None:
    create_keys(tmp_path / "a", Passphrase(SECRET), cost=CHEAP)
    other = create_keys(tmp_path / "b", Passphrase(SECRET), cost=CHEAP)
    with pytest.raises(WrongKey, match="another library"):
        add_protector(tmp_path / "a", other, Passphrase("x"), cost=CHEAP)
    assert open_keys(tmp_path / "a", Passphrase(SECRET)) != other


def test_a_source_of_another_kind_is_told_what_opens_the_library(tmp_path: Path) -> None:
    create_keys(tmp_path, Passphrase(SECRET), cost=CHEAP)
    with pytest.raises(KeysMissing, match="Open it with its passphrase"):
        open_keys(tmp_path, KeyFile(tmp_path / "my.key"))


def test_existing_keys_are_never_written_over(tmp_path: Path) -> None:
    key = create_keys(tmp_path, Passphrase(SECRET), cost=CHEAP)
    with pytest.raises(KeysExist):
        create_keys(tmp_path, Passphrase(SECRET), cost=CHEAP)
    assert open_keys(tmp_path, Passphrase(SECRET)) == key


def test_a_folder_without_keys(tmp_path: Path) -> None:
    with pytest.raises(KeysMissing, match=r"keys\.json"):
        open_keys(tmp_path, Passphrase(SECRET))


def test_no_keyring_is_an_error_not_a_fallback(
    tmp_path: Path, use_keyring: Callable[[KeyringBackend], None]
) -> None:
    for backend in (fail.Keyring(), PlainTextKeyring()):
        use_keyring(backend)
        with pytest.raises(KeyringUnusable, match="passphrase"):
            create_keys(tmp_path, KeyringKey())
        assert not has_keys(tmp_path)


def test_a_keyring_that_lost_the_entry(
    tmp_path: Path, use_keyring: Callable[[KeyringBackend], None]
) -> None:
    use_keyring(MemoryKeyring())
    create_keys(tmp_path, KeyringKey())
    use_keyring(MemoryKeyring())
    with pytest.raises(KeyringUnusable, match="no entry"):
        open_keys(tmp_path, KeyringKey())


def test_a_wrap_belongs_to_its_library_and_kind(tmp_path: Path) -> None:
    """A protector moved to another library's file does not open it: authenticated data."""
    source = KeyFile(tmp_path / "my.key")
    for name in ("a", "b"):
        create_keys(tmp_path / name, source)
    first, second = (json.loads((tmp_path / n / "keys.json").read_text()) for n in ("a", "b"))
    second["protectors"] = first["protectors"]
    del second["sum"]  # whoever changes the file on purpose can as well make it right
    (tmp_path / "b" / "keys.json").write_text(json.dumps(second))
    with pytest.raises(WrongKey):
        open_keys(tmp_path / "b", source)


def test_newer_keys_are_refused_with_the_reason(tmp_path: Path) -> None:
    create_keys(tmp_path, Passphrase(SECRET), cost=CHEAP)
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 3}))
    with pytest.raises(NewerStore, match="newer version"):
        open_keys(tmp_path, Passphrase(SECRET))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_damaged_keys_give_a_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    """However the file is cut or overwritten: an error of ours, or the right key."""
    folder = tmp_path / "library"
    path = folder / "keys.json"
    if not has_keys(folder):
        create_keys(folder, Passphrase(SECRET), cost=CHEAP)
        path.with_suffix(".kept").write_bytes(path.read_bytes())
    whole = path.with_suffix(".kept").read_bytes()
    path.write_bytes(whole)
    key = open_keys(folder, Passphrase(SECRET))
    start = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.binary(max_size=4))
    path.write_bytes(whole[:start] + junk + whole[start + data.draw(st.integers(0, 9)) :])
    try:
        assert open_keys(folder, Passphrase(SECRET)) == key
    except (KeysDamaged, WrongKey, NewerStore, KeysMissing) as error:
        assert error.remedy


def test_greedy_parameters_are_refused(tmp_path: Path) -> None:
    create_keys(tmp_path, Passphrase(SECRET), cost=CHEAP)
    path = tmp_path / "keys.json"
    record = json.loads(path.read_text())
    record["protectors"][0]["memory_kib"] = 1 << 40
    path.write_text(json.dumps(record))
    with pytest.raises(KeysDamaged):
        open_keys(tmp_path, Passphrase(SECRET))


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, StoreFull), (errno.EROFS, StoreReadOnly)]
)
def test_a_full_or_read_only_disk_keeps_the_old_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    key = create_keys(tmp_path, Passphrase(SECRET), cost=CHEAP)

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(private_file.os, "fsync", refuse)  # type: ignore[attr-defined]
    with pytest.raises(expected):
        add_protector(tmp_path, key, Passphrase("another one"), cost=CHEAP)
    monkeypatch.undo()
    assert open_keys(tmp_path, Passphrase(SECRET)) == key
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_representations_hide_secrets() -> None:
    assert SECRET not in repr(Passphrase(SECRET))
    assert SECRET not in str(Passphrase(SECRET))


def test_the_environment_names_the_source(tmp_path: Path) -> None:
    assert key_source_from_environment(tmp_path, {}) is None
    assert key_source_from_environment(tmp_path, {"MUNIMENT_PASSPHRASE": ""}) is None
    words, file = {"MUNIMENT_PASSPHRASE": "abc"}, {"MUNIMENT_KEY_FILE": "/k"}
    assert key_source_from_environment(tmp_path, words) == Passphrase("abc")
    assert key_source_from_environment(tmp_path, file) == KeyFile(Path("/k"))
    assert key_source_from_environment(tmp_path, words | file) == KeyFile(Path("/k"))


def test_of_two_sources_the_one_that_protects_the_library_is_taken(tmp_path: Path) -> None:
    file, words = KeyFile(tmp_path / "key"), Passphrase(SECRET)
    both = {"MUNIMENT_PASSPHRASE": SECRET, "MUNIMENT_KEY_FILE": str(file.path)}
    create_keys(tmp_path / "by-file", file)
    assert key_source_from_environment(tmp_path / "by-file", both) == file
    key = create_keys(tmp_path / "by-words", words, cost=CHEAP)
    assert key_source_from_environment(tmp_path / "by-words", both) == words
    add_protector(tmp_path / "by-words", key, file)
    assert key_source_from_environment(tmp_path / "by-words", both) == file
    file.path.write_text("00" * 32)  # of another library
    assert key_source_from_environment(tmp_path / "by-words", both) == words
    file.path.unlink()
    assert key_source_from_environment(tmp_path / "by-words", both) == words
    (tmp_path / "by-words" / "keys.json").write_text("{")
    assert key_source_from_environment(tmp_path / "by-words", both) == file
