"""The policy: read strictly, trusted only when an administrator alone can write it, obeyed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import policy, policy_place
from app.core.audit_entries import What
from app.core.events import FileSkipped
from app.core.following import Following
from app.core.language_model import LanguageModel
from app.core.policy_settings import SETTINGS, Policy, PolicyError, policy_of
from app.core.vault import BadKeySource, KeyFile, Passphrase, add_protector, create_keys
from app.core.workspace import Workspace
from engine.fingerprint import fingerprint
from ingest.errors import IngestError
from tests.app.policed import use_policy, write_policy

Use = Callable[[str], Path]
PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA\n-----END PUBLIC KEY-----"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Use:
    return lambda text: use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", text)


def test_without_a_policy_the_defaults_hold() -> None:
    assert policy.current() == Policy()
    assert set(policy.sources().values()) == {"default"}
    assert policy.escrow_key() is None and policy.passphrase_problem("8 charac") is None
    assert policy.protectors_problem(["keyfile"]) is None
    policy.check_export()
    policy.check_folder(Path("/anywhere"))
    policy.check_model(Path("/no/such/model"))


def test_every_setting_is_read(use: Use, tmp_path: Path) -> None:
    mark = "ab" * 32
    place = use(
        f"""
        contact = "the help desk, room 12"
        models.allowed = ["{mark}"]
        lock.idle_minutes = 10
        passphrase.least_characters = 14
        protectors.needed = ["escrow", "keyring"]
        escrow.public_key = '''{PEM}'''
        export.allowed = false
        audit = {{question = "text", names = true, required = true}}
        folders.allowed = true
        folders.below = ["{tmp_path}"]
        fips.required = true
        """
    )
    found = policy.current()
    assert found == Policy(
        contact="the help desk, room 12",
        models_allowed=(mark,),
        idle_minutes=10,
        least_characters=14,
        protectors_needed=("escrow", "keyring"),
        escrow_public_key=PEM,
        export_allowed=False,
        audit_question="text",
        audit_names=True,
        audit_required=True,
        folders_allowed=True,
        folders_below=(str(tmp_path),),
        fips=True,
    )
    assert set(policy.sources().values()) == {str(place)}
    assert {s.field for s in SETTINGS} == set(Policy.__slots__)
    assert policy.escrow_key() == PEM.encode()
    assert "at least 14" in str(policy.passphrase_problem("a passphrase"))
    assert policy.passphrase_problem("e\u0301" * 14) is None
    assert policy.passphrase_problem("e\u0301" * 13) is not None, "compared as the vault does"
    assert "escrow, keyring" in str(policy.protectors_problem(["passphrase"]))


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("export.allow = false", "unknown setting, “export.allow”", "export.allowed"),
        ("[exports]\nallowed = false", "unknown setting, “exports”", "export.allowed"),
        ("export = false", "“export” is no section", "[export]"),
        ('export.allowed = "no"', "“export.allowed” is 'no'", "true or false"),
        ("export.allowed = 0", "“export.allowed” is 0", "true or false"),
        ("lock.idle_minutes = 0", "“lock.idle_minutes” is 0", "from 1 to 1,440"),
        ("lock.idle_minutes = true", "“lock.idle_minutes” is True", "from 1"),
        ("lock.idle_minutes = 1.5", "“lock.idle_minutes” is 1.5", "whole number"),
        ("passphrase.least_characters = 4", "is 4", "from 8"),
        ('models.allowed = "*"', "“models.allowed”", "a list of fingerprints"),
        ('models.allowed = ["abc"]', "“models.allowed”", "'abc' is none"),
        ('protectors.needed = ["luck"]', "“protectors.needed”", "'luck' is none"),
        ('folders.below = ["here"]', "“folders.below”", "whole paths"),
        ('folders.below = ["/srv/../home"]', "“folders.below”", "whole paths"),
        ('audit.question = "all"', "“audit.question” is 'all'", "'hash'"),
        ('escrow.public_key = "key.pem"', "“escrow.public_key”", "whole path"),
        ('contact = ""', "“contact”", "not empty"),
        ("export.allowed = false\nexport.allowed = true", "no TOML file", "policy check"),
        ("export", "no TOML file", "policy check"),
        ("a = " + "[" * 5000, "no TOML file", "policy check"),
    ],
)
def test_what_is_wrong_is_an_error_that_names_file_and_setting(
    use: Use, text: str, cause: str, remedy: str
) -> None:
    place = use(text)
    with pytest.raises(PolicyError) as caught:
        policy.current()
    error = caught.value
    assert error.subject == str(place)
    assert cause in error.cause and remedy in error.remedy


@given(
    st.dictionaries(
        st.sampled_from([s.name for s in SETTINGS]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda below: st.lists(below, max_size=3),
        ),
    )
)
def test_no_value_is_taken_for_something_else(values: dict[str, object]) -> None:
    try:
        found = policy_of(values, "a policy")
    except PolicyError as error:
        assert error.cause and error.remedy
    else:
        for setting in SETTINGS:
            if setting.name not in values:
                assert getattr(found, setting.field) == setting.default


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o622])
def test_a_policy_that_others_may_write_is_refused(use: Use, mode: int) -> None:
    place = use("export.allowed = true")
    place.chmod(mode)
    with pytest.raises(PolicyError, match="Others than root may write"):
        policy.current()
    place.chmod(0o644)
    place.parent.chmod(0o777)
    with pytest.raises(PolicyError, match="Others than root may write"):
        policy.current()


def test_a_policy_of_another_owner_is_refused(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use("export.allowed = true")
    monkeypatch.setattr(policy_place, "OWNERS", frozenset({os.getuid() + 1}))
    with pytest.raises(PolicyError, match="does not belong to root"):
        policy.current()


def test_a_link_a_folder_and_a_pipe_are_no_policy(use: Use, tmp_path: Path) -> None:
    place = use("")
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(PolicyError, match="a link"):
        policy.current()
    place.unlink()
    place.mkdir()
    with pytest.raises(PolicyError, match="no regular file"):
        policy.current()
    place.rmdir()
    os.mkfifo(place)
    with pytest.raises(PolicyError, match="no regular file"):
        policy.current()
    place.unlink()
    place.write_bytes(b"#" * (2 << 20))
    with pytest.raises(PolicyError, match="larger than 1 MiB"):
        policy.current()
    real = tmp_path / "real"
    place.parent.rename(real)
    place.parent.symlink_to(real)
    with pytest.raises(PolicyError, match="is a link"):
        policy.current()


def test_a_policy_that_cannot_be_read_is_no_missing_one(use: Use) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    use("").chmod(0)
    with pytest.raises(PolicyError, match="cannot be read"):
        policy.current()


def test_registry_values_mean_the_same(tmp_path: Path) -> None:
    values = {
        "ExportAllowed": 0,
        "idleminutes": 10,
        "AuditQuestion": "none",
        "FoldersBelow": [str(tmp_path)],
        "EscrowPublicKey": PEM.splitlines(),
    }
    found = policy_of(policy_place._of_registry(values) or {}, "the registry")
    assert found == Policy(
        export_allowed=False,
        idle_minutes=10,
        audit_question="none",
        folders_below=(str(tmp_path),),
        escrow_public_key=PEM,
    )
    assert policy_place._of_registry(None) is None
    with pytest.raises(PolicyError, match="unknown value"):
        policy_place._of_registry({"Exports": 0})
    with pytest.raises(PolicyError, match="true or false"):
        policy_of(policy_place._of_registry({"ExportAllowed": 2}) or {}, "the registry")


def test_the_escrow_key_may_lie_in_a_file_of_the_administrator(use: Use, tmp_path: Path) -> None:
    key = tmp_path / "etc" / "escrow.pem"
    use(f"escrow.public_key = '{key}'")
    with pytest.raises(PolicyError, match="missing"):
        policy.escrow_key()
    write_policy(key, PEM)
    assert policy.escrow_key() == PEM.encode()
    key.chmod(0o666)
    with pytest.raises(PolicyError, match="cannot be relied on"):
        policy.escrow_key()


# Obeyed by the core


def forbidden(call: Callable[[], object], cause: str = "forbids") -> policy.PolicyForbids:
    with pytest.raises(policy.PolicyForbids, match=cause) as caught:
        call()
    return caught.value


def test_export_may_be_forbidden(use: Use, tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("The ferry leaves at nine from the old harbour.")
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as workspace:
        list(workspace.add([text], "Matter"))
        *_, answer = workspace.ask("When does the ferry leave?", "Matter")
        use('contact = "Mrs. Holm, room 12"\nexport.allowed = false')
        error = forbidden(lambda: workspace.export_answer(answer.record, tmp_path / "a.md"))
        assert "Mrs. Holm, room 12" in error.remedy and "policy explain" in error.remedy
        forbidden(lambda: workspace.export_conversation(answer.conversation, tmp_path / "a.docx"))
        forbidden(lambda: workspace.export_page(1, 1, tmp_path / "a.png"))
        forbidden(lambda: workspace.export_table(1, tmp_path / "a.csv"))
        assert not list(tmp_path.glob("a.*"))
        refused = [e for e in workspace.audit.entries() if e.what == What.POLICY_REFUSED]
        assert [e.detail for e in refused] == [{"of": "export"}] * 4


def test_only_listed_models_may_be_used(use: Use, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as workspace:
        use(f'models.allowed = ["{"0" * 64}"]')
        error = forbidden(lambda: workspace.use_language_model(model), "does not list this model")
        assert fingerprint(model) in error.cause
        forbidden(lambda: list(workspace.change_model(model)))
        forbidden(lambda: workspace.use_reranker(model))
        assert workspace.language_model() == ""
        use("models.allowed = []")
        forbidden(lambda: workspace.use_language_model(model), "does not allow models")
        # One that was chosen before the policy came is not used any more.
        workspace._store.set_setting("language_model", str(model))
        workspace.create_collection("Matter")
        forbidden(lambda: list(workspace.ask("Why?", "Matter")))
        use(f'models.allowed = ["{fingerprint(model)}"]')
        assert isinstance(workspace.language, LanguageModel) and workspace.language.engine()


def test_only_some_folders_may_be_followed(use: Use, tmp_path: Path) -> None:
    scans, other = tmp_path / "scans", tmp_path / "other"
    for folder in (scans / "today", other):
        folder.mkdir(parents=True)
    (other / "letter.txt").write_text("The ferry leaves at nine.")
    (scans / "link").symlink_to(other)
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as workspace:
        workspace.follow("Matter", str(other))
        use(f'folders.below = ["{scans}"]')
        workspace.follow("Matter", str(scans / "today"))
        for folder in (tmp_path, scans / "link", Path(f"{scans}2"), scans / ".." / "other"):
            error = forbidden(lambda folder=folder: workspace.follow("Matter", str(folder)))
            assert str(scans) in error.cause
        # One that was followed before is not looked into, and it is told why.
        (skipped,) = Following(workspace).events(once=True)
        assert isinstance(skipped, FileSkipped) and skipped.path == str(other)
        assert "forbids" in skipped.reason and workspace.documents("Matter") == []
        workspace.unfollow("Matter", str(other))
        use("folders.allowed = false")
        forbidden(lambda: workspace.follow("Matter", str(scans)))


def test_a_new_passphrase_obeys_the_policy(use: Use, tmp_path: Path) -> None:
    use("passphrase.least_characters = 20")
    folder = tmp_path / "library"
    with pytest.raises(BadKeySource, match="at least 20"):
        Workspace.open(folder, Passphrase("twelve chars"), create=True)
    assert not folder.exists()
    key = KeyFile(tmp_path / "key")
    data_key = create_keys(folder, key)
    with pytest.raises(BadKeySource, match="at least 20"):
        add_protector(folder, data_key, Passphrase("twelve chars"))


def test_nothing_is_opened_under_a_policy_that_cannot_be_read(use: Use, tmp_path: Path) -> None:
    key = KeyFile(tmp_path / "key")
    workspace = Workspace.open(tmp_path / "library", key, create=True)
    use("nonsense = 1")
    with pytest.raises(PolicyError):
        workspace.export_page(1, 1, tmp_path / "a.png")
    workspace.close()  # that is never refused
    with pytest.raises(PolicyError):
        Workspace.open(tmp_path / "library", key)
    with pytest.raises(IngestError):
        Workspace.open(tmp_path / "another", key, create=True)
    assert not (tmp_path / "another").exists()
