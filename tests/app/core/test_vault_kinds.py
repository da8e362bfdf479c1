"""Recovery keys, escrow, FIPS mode, removing protectors: what opens, what no longer does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import fips, vault_file
from app.core.fips import FipsState
from app.core.vault import (
    Argon2Cost,
    BadKeySource,
    EscrowKey,
    EscrowPassphraseNeeded,
    EscrowPublicKey,
    KeyFile,
    KeysMissing,
    LastProtector,
    NewLibrary,
    NotInFipsMode,
    Passphrase,
    Pbkdf2Cost,
    RecoveryKey,
    add_protector,
    create_keys,
    describe,
    key_source_from_environment,
    new_recovery_key,
    open_keys,
    protectors,
    remove_protector,
    secret_from_environment,
)
from app.core.vault_file import KeysFile, Protector, read_keys_file, write_keys_file
from ingest.errors import WrongKey
from tests.app.core import frozen_keys

CHEAP = Argon2Cost(passes=1, memory_kib=64, lanes=1)
SECRET = Passphrase("correct horse bättery staple")


@pytest.fixture(scope="module")
def escrow() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


@pytest.fixture
def pem(escrow: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    """The escrow's public key in a file."""
    path = tmp_path / "escrow.pub"
    public = escrow.public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def private_pem(key: rsa.RSAPrivateKey, path: Path, passphrase: bytes = b"") -> Path:
    sealed = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))
    return path


def test_keys_of_the_first_version_open(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(frozen_keys.FIRST)
    (tmp_path / "my.key").write_text(frozen_keys.KEY_FILE)
    for source in (Passphrase(frozen_keys.PASSPHRASE), KeyFile(tmp_path / "my.key")):
        assert open_keys(tmp_path, source).hex() == frozen_keys.FIRST_DATA_KEY


def test_keys_of_the_second_version_open(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(frozen_keys.SECOND)
    for source in (Passphrase(frozen_keys.PASSPHRASE), RecoveryKey(frozen_keys.RECOVERY_KEY)):
        assert open_keys(tmp_path, source).hex() == frozen_keys.SECOND_DATA_KEY
    info = describe(tmp_path)
    assert (info.cipher, info.fips) == ("sqlcipher", True)


def test_the_version_rises_only_when_an_older_program_could_not_read_it(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(frozen_keys.FIRST)
    key = open_keys(tmp_path, Passphrase(frozen_keys.PASSPHRASE))
    add_protector(tmp_path, key, SECRET, cost=CHEAP)
    assert json.loads((tmp_path / "keys.json").read_text())["version"] == 1
    add_protector(tmp_path, key, new_recovery_key())
    assert json.loads((tmp_path / "keys.json").read_text())["version"] == 2
    remove_protector(tmp_path, key, "recovery")
    assert json.loads((tmp_path / "keys.json").read_text())["version"] == 1


def test_what_a_newer_version_added_is_kept(tmp_path: Path) -> None:
    key = create_keys(tmp_path, SECRET, new=NewLibrary(recovery=new_recovery_key()), cost=CHEAP)
    path = tmp_path / "keys.json"
    record = json.loads(path.read_text())
    smartcard = {"kind": "smartcard", "slot": [1, {"a": None}]}
    record["protectors"].append(smartcard)
    record["rotation"] = {"days": 90}
    path.write_text(json.dumps(record))
    add_protector(tmp_path, key, Passphrase("another horse"), cost=CHEAP)
    remove_protector(tmp_path, key, "recovery")
    after = json.loads(path.read_text())
    assert smartcard in after["protectors"] and after["rotation"] == {"days": 90}
    assert describe(tmp_path).unknown == ("smartcard",)
    assert open_keys(tmp_path, Passphrase("another horse")) == key
    with pytest.raises(LastProtector):  # this program could open it no more
        remove_protector(tmp_path, key, "passphrase")


def test_a_recovery_key_opens_until_another_takes_its_place(tmp_path: Path) -> None:
    first = new_recovery_key()
    key = create_keys(tmp_path, SECRET, new=NewLibrary(recovery=first), cost=CHEAP)
    typed = RecoveryKey(first.text.lower().replace("-", " "))
    assert open_keys(tmp_path, typed) == key
    assert first.text.replace("-", "") not in (tmp_path / "keys.json").read_text()
    assert "MR" not in repr(first)
    second = new_recovery_key()
    add_protector(tmp_path, key, second)
    assert open_keys(tmp_path, second) == key
    with pytest.raises(WrongKey, match="newer one"):
        open_keys(tmp_path, first)
    with pytest.raises(BadKeySource, match="has 59"):
        open_keys(tmp_path, RecoveryKey(second.text[:-1]))


def test_escrow_opens_with_the_private_key_only(
    tmp_path: Path, escrow: rsa.RSAPrivateKey, pem: Path
) -> None:
    library = tmp_path / "library"
    public = EscrowPublicKey.read(pem)
    key = create_keys(library, SECRET, new=NewLibrary(escrow=public), cost=CHEAP)
    assert protectors(library) == ["passphrase", "escrow"]
    assert describe(library).protectors[1].escrow == public.fingerprint
    open_file = EscrowKey(private_pem(escrow, tmp_path / "open.pem"))
    assert open_keys(library, open_file) == key
    assert open_keys(library, replace(open_file, passphrase="not needed")) == key
    sealed = private_pem(escrow, tmp_path / "sealed.pem", b"of the file")
    assert open_keys(library, EscrowKey(sealed, "of the file")) == key
    for wrong in ("", "another"):
        with pytest.raises(EscrowPassphraseNeeded):
            open_keys(library, EscrowKey(sealed, wrong))
    stranger = private_pem(rsa.generate_private_key(65537, 3072), tmp_path / "stranger.pem")
    with pytest.raises(WrongKey, match="fingerprint"):
        open_keys(library, EscrowKey(stranger))
    with pytest.raises(BadKeySource, match="no private key"):
        open_keys(library, EscrowKey(pem))


def test_an_escrow_wrap_belongs_to_its_library(
    tmp_path: Path, escrow: rsa.RSAPrivateKey, pem: Path
) -> None:
    public = EscrowPublicKey.read(pem)
    for name in ("a", "b"):
        create_keys(tmp_path / name, SECRET, new=NewLibrary(escrow=public), cost=CHEAP)
    first, second = (read_keys_file(tmp_path / name) for name in ("a", "b"))
    moved = first.protector("escrow")
    assert moved is not None
    write_keys_file(tmp_path / "b", second.with_protector(moved))
    with pytest.raises(WrongKey):
        open_keys(tmp_path / "b", EscrowKey(private_pem(escrow, tmp_path / "e.pem")))


def test_a_certificate_does_as_well(tmp_path: Path, escrow: rsa.RSAPrivateKey, pem: Path) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Escrow")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, escrow.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(escrow, SHA256())
    )
    path = tmp_path / "escrow.crt"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    assert EscrowPublicKey.read(path) == EscrowPublicKey.read(pem)


def test_what_is_no_escrow_key_is_refused(tmp_path: Path, escrow: rsa.RSAPrivateKey) -> None:
    path = tmp_path / "key"
    with pytest.raises(BadKeySource, match="cannot be read"):
        EscrowPublicKey.read(path)
    private_pem(escrow, path)
    with pytest.raises(BadKeySource, match="private key"):
        EscrowPublicKey.read(path)
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())):
        public = key.public_key()
        path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        with pytest.raises(BadKeySource, match="3072"):
            EscrowPublicKey.read(path)
    path.write_text("-----BEGIN PUBLIC KEY-----\nnonsense\n")
    with pytest.raises(BadKeySource, match="PEM"):
        EscrowPublicKey.read(path)


def test_the_last_one_and_the_last_but_escrow_stay(tmp_path: Path, pem: Path) -> None:
    library = tmp_path / "library"
    key = create_keys(library, SECRET, cost=CHEAP)
    with pytest.raises(LastProtector, match="passphrase"):
        remove_protector(library, key, "passphrase")
    add_protector(library, key, EscrowPublicKey.read(pem))
    with pytest.raises(LastProtector):
        remove_protector(library, key, "passphrase")
    add_protector(library, key, KeyFile(tmp_path / "key"))
    remove_protector(library, key, "passphrase")
    assert protectors(library) == ["escrow", "keyfile"]
    with pytest.raises(KeysMissing):
        open_keys(library, SECRET)
    with pytest.raises(KeysMissing, match="keys list"):
        remove_protector(library, key, "recovery")
    with pytest.raises(WrongKey):
        remove_protector(library, bytes(32), "escrow")
    assert open_keys(library, KeyFile(tmp_path / "key")) == key


def test_the_old_wrap_is_gone_and_its_place_overwritten(tmp_path: Path) -> None:
    key = create_keys(tmp_path, SECRET, cost=CHEAP)
    old = os.open(tmp_path / "keys.json", os.O_RDONLY)
    wrapped = describe(tmp_path).protectors[0].wrapped.hex().encode()
    assert wrapped in os.pread(old, 4096, 0)
    add_protector(tmp_path, key, Passphrase("another horse"), cost=CHEAP)
    assert not os.pread(old, 4096, 0).strip(b"\0")
    os.close(old)
    assert wrapped not in (tmp_path / "keys.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_a_second_name_of_the_old_file_is_left_alone(tmp_path: Path) -> None:
    library = tmp_path / "library"
    key = create_keys(library, SECRET, cost=CHEAP)
    backup = tmp_path / "backup.json"
    backup.hardlink_to(library / "keys.json")
    before = backup.read_bytes()
    add_protector(library, key, Passphrase("another horse"), cost=CHEAP)
    assert backup.read_bytes() == before


def test_fips_mode_uses_pbkdf2_and_aes(tmp_path: Path) -> None:
    key = create_keys(tmp_path, SECRET, new=NewLibrary(fips=True))
    info = describe(tmp_path)
    assert info.fips and info.cipher == "sqlcipher"
    cost = info.protectors[0].cost
    assert isinstance(cost, Pbkdf2Cost) and cost.passes >= 600_000
    assert open_keys(tmp_path, SECRET) == key


def test_fips_mode_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_keys(tmp_path / "plain", SECRET, cost=CHEAP)
    monkeypatch.setenv("MUNIMENT_FIPS", "1")
    with pytest.raises(NotInFipsMode, match="keys create --fips"):
        open_keys(tmp_path / "plain", SECRET)
    key = create_keys(tmp_path / "made", SECRET, cost=Pbkdf2Cost(1000))
    assert describe(tmp_path / "made").fips
    assert open_keys(tmp_path / "made", SECRET) == key


def test_no_more_is_claimed_of_fips_than_is_so() -> None:
    off = FipsState(True, "OpenSSL 4", False)
    said = fips.statement(True, off)
    assert "not in FIPS mode here, so nothing is validated" in said
    assert "vault's own AES is no validated module" in said
    on = fips.statement(True, replace(off, openssl_in_fips_mode=True))
    assert "OpenSSL 4 in FIPS mode" in on and "no validated module" in on
    assert fips.statement(False, on and replace(off, openssl_in_fips_mode=True)) == (
        "not in FIPS mode"
    )
    assert "OpenSSL" in fips.state({}).openssl


def test_secrets_come_by_descriptor_too(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, "correct horse bättery staple\nnot this\n".encode())
    os.close(write)
    environment = {"MUNIMENT_PASSPHRASE_FD": str(read)}
    assert key_source_from_environment(tmp_path, environment) == SECRET
    with pytest.raises(BadKeySource, match="descriptor"):
        secret_from_environment("MUNIMENT_PASSPHRASE", environment)  # it was closed


def test_the_environment_may_hold_the_recovery_key(tmp_path: Path) -> None:
    recovery = new_recovery_key()
    create_keys(tmp_path, SECRET, new=NewLibrary(recovery=recovery), cost=CHEAP)
    environment = {"MUNIMENT_RECOVERY_KEY": recovery.text}
    assert key_source_from_environment(tmp_path, environment) == recovery
    both = environment | {"MUNIMENT_PASSPHRASE": SECRET.text}
    assert key_source_from_environment(tmp_path, both) == SECRET
    assert key_source_from_environment(tmp_path / "new", environment) is None


WRAPS = st.binary(min_size=48, max_size=48)
COSTS = st.builds(
    Argon2Cost, st.integers(1, 64), st.integers(512, 2 << 20), st.integers(1, 64)
) | st.builds(Pbkdf2Cost, st.integers(1, 50_000_000))
DAYS = st.sampled_from(["", "2026-11-25"])
NONCES = st.binary(min_size=12, max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@st.composite
def any_keys(draw: st.DrawFn) -> KeysFile:
    """Whatever this version may write, and what a newer one might have added."""
    known = []
    for kind in draw(st.lists(st.sampled_from(vault_file.KINDS), min_size=1, unique=True)):
        made = draw(DAYS)
        if kind == "escrow":
            wrapped = draw(st.binary(min_size=384, max_size=512))
            known.append(Protector(kind, b"", wrapped, escrow="ab" * 32, made=made))
        elif kind == "passphrase":
            salt = draw(st.binary(min_size=16, max_size=16))
            known.append(Protector(kind, draw(NONCES), draw(WRAPS), salt, draw(COSTS), made=made))
        else:
            known.append(Protector(kind, draw(NONCES), draw(WRAPS), made=made))
    newer = draw(st.lists(st.sampled_from(["smartcard", "quorum"]), unique=True))
    unknown = tuple({"kind": kind, "more": draw(JSON)} for kind in newer)
    more = draw(st.dictionaries(st.sampled_from(["rotation", "x"]), JSON))
    cipher = draw(st.sampled_from(["chacha20", "sqlcipher"]))
    check = draw(st.binary(min_size=32, max_size=32))
    return KeysFile("ab" * 16, check, tuple(known), cipher, draw(st.booleans()), unknown, more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("keys")


@settings(deadline=None)
@given(keys=any_keys())
def test_keys_are_read_back_as_they_were_written(folder: Path, keys: KeysFile) -> None:
    write_keys_file(folder, keys)
    assert read_keys_file(folder) == keys
