"""The vault's ciphers: both hide what is stored, notice a changed page, and know their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import StoreBusy, StoreError, WrongKey
from ingest.library_lock import held
from ingest.store import Store

KEY = bytes(range(32))
PLANTED = "Quillfeather and the ninth ferry"


@pytest.fixture(params=["chacha20", "sqlcipher"])
def cipher(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    store = Store(tmp_path, bytearray(KEY), cipher=request.param)
    store.add_collection(PLANTED)
    store.close()
    return str(request.param)


def test_it_is_there_again_and_not_readable_on_disk(tmp_path: Path, cipher: str) -> None:
    for path in tmp_path.iterdir():
        assert PLANTED.encode() not in path.read_bytes()
    for read_only in (False, True):
        store = Store(tmp_path, KEY, cipher=cipher, read_only=read_only)
        assert [found.name for found in store.collections()] == [PLANTED]
        store.close()


def test_another_key_or_cipher_does_not_open_it(tmp_path: Path, cipher: str) -> None:
    other = "chacha20" if cipher == "sqlcipher" else "sqlcipher"
    with pytest.raises(WrongKey):
        Store(tmp_path, bytes(32), cipher=cipher)
    with pytest.raises(StoreError):
        Store(tmp_path, KEY, cipher=other)


def test_a_changed_page_is_noticed(tmp_path: Path, cipher: str) -> None:
    vault = tmp_path / "vault.db"
    content = bytearray(vault.read_bytes())
    for at in range(5_000, len(content), 16_384):  # something on every page
        content[at] ^= 1
    vault.write_bytes(content)
    with pytest.raises(StoreError):
        Store(tmp_path, KEY, cipher=cipher).collections()


def test_a_library_is_held_without_being_opened(tmp_path: Path, cipher: str) -> None:
    with held(tmp_path):
        with pytest.raises(StoreBusy):
            Store(tmp_path, KEY, cipher=cipher)
        with pytest.raises(StoreBusy), held(tmp_path):
            pass
    Store(tmp_path, KEY, cipher=cipher).close()
