"""Documents that stay read: what is restored is what was stored, or nothing at all."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import VARIANTS, VOCABULARY
from tiny_session import TinyModel, random_ids

from engine import cache as cache_module
from engine import snapshots as snapshots_module
from engine.cache import KVCache
from engine.native import kernels
from engine.options import Keep, Options, PromptRead, SnapshotPlace, Written
from engine.session import Session
from engine.snapshot_folder import SnapshotFile, SnapshotFolder
from engine.snapshots import CHECKPOINT, HISTORY, TAIL, Snapshots
from engine.tensors import Widths
from engine.widths import KVBits

KEY = bytes(range(32))
KV = {"exact": None, "k3v3": KVBits(3, 3), "k8v2": KVBits(8, 2)}
KEEP = Options(max_tokens=6, keep=Keep("document 1"), lookup=False)


class Tiny(TinyModel):
    """A tiny model whose sessions keep what they read in one folder."""

    def session(
        self, folder: Path | None, kv: str = "k3v3", *, chunk: int = 300, **place: object
    ) -> Session:
        """A fresh cache, and snapshots in ``folder``."""
        cache, kept = self.cache(4000, chunk, KV[kv]), None
        if folder:
            where = SnapshotPlace(str(folder), place.pop("key", KEY), **place)  # type: ignore[arg-type]
            kept = Snapshots(where, "tiny", cache)
        return Session(self.decoder, cache, None, snapshots=kept)


@pytest.fixture(scope="module", params=VARIANTS)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp(request.param), request.param, Widths(4, 8))


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("gemma"), "e2b", Widths(4, 8))


@pytest.fixture(autouse=True)
def close_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """As near to each other as a test's text wants them."""
    monkeypatch.setattr(snapshots_module, "LEAST_DISTANCE", 512)
    monkeypatch.setattr(snapshots_module, "WORTH_KEEPING", 256)
    monkeypatch.setattr(KVCache, "snapshot_nbytes", lambda _: (1.0, 1.0))


class Answer:
    """What a session gave: tokens, the first logits, and how much of the prompt was kept."""

    def __init__(self, session: Session, prompt: list[int], kept: int, **keep: str) -> None:
        options = Options(max_tokens=6, keep=Keep(keep.get("owner", "document 1")), lookup=False)
        logits: list[torch.Tensor] = []
        run = session._run

        def watched(keep: int, *inputs: Any) -> torch.Tensor:
            found = run(keep, *inputs)
            if keep:
                logits.append(found)
            return found

        session._run = watched  # type: ignore[method-assign]
        events = list(session.generate(prompt, options, kept))
        session._run = run  # type: ignore[method-assign]
        read = [event for event in events if isinstance(event, PromptRead)]
        self.tokens = [t for e in events if isinstance(e, Written) for t in e.tokens]
        self.logits = logits[0]
        self.restored, self.reused = read[0].restored, read[0].reused
        self.notes = [event.note for event in read if event.note]

    def same_as(self, other: Answer) -> bool:
        """To the bit."""
        return self.tokens == other.tokens and torch.equal(self.logits, other.logits)


@pytest.mark.parametrize("kv", KV)
@pytest.mark.parametrize("native", [True, False])
def test_what_is_restored_is_what_was_read(
    tiny: Tiny, kv: str, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if native and kernels() is None:
        pytest.skip("the kernels are not built")
    if not native:
        monkeypatch.setattr(cache_module, "kernels", lambda: None)
    document, one, other = random_ids(1700), random_ids(9, seed=4), random_ids(30, seed=5)
    without = Answer(tiny.session(None, kv), document + one, 0)
    first = Answer(tiny.session(tmp_path, kv), document + one, 1700)
    again = Answer(tiny.session(tmp_path, kv), document + one, 1700)
    assert (first.restored, again.restored) == (0, 1700)
    assert not first.notes + again.notes
    assert again.same_as(first)
    if native:
        # Torch's products depend on how many rows they have; the kernels' do not.
        assert first.same_as(without)
    second = Answer(tiny.session(tmp_path, kv), document + other, 1700)
    assert second.restored == 1700
    if native:
        assert second.same_as(Answer(tiny.session(None, kv), document + other, 0))


@pytest.mark.parametrize("changed", [1030, 1100, 1600, 2047, 2048, 2100])
def test_a_changed_document_goes_on_from_the_last_checkpoint_before(
    gemma: Tiny, changed: int, tmp_path: Path
) -> None:
    document, question = random_ids(2400), random_ids(9, seed=4)
    Answer(gemma.session(tmp_path), document + question, 2400)
    edited = [*document[:changed], (document[changed] + 1) % VOCABULARY, *document[changed + 1 :]]
    found = Answer(gemma.session(tmp_path), edited + question, 2400)
    assert found.restored == changed // 512 * 512
    assert found.same_as(Answer(gemma.session(None), edited + question, 0))
    assert Answer(gemma.session(tmp_path), edited + question, 2400).restored == 2400


def test_a_longer_document_goes_on_where_the_shorter_one_ends(gemma: Tiny, tmp_path: Path) -> None:
    document, question = random_ids(2600), random_ids(9, seed=4)
    Answer(gemma.session(tmp_path), document[:1500] + question, 1500)
    found = Answer(gemma.session(tmp_path), document + question, 2600)
    assert found.restored == 1500
    assert found.same_as(Answer(gemma.session(None), document + question, 0))


def test_a_cancelled_read_keeps_what_it_has(gemma: Tiny, tmp_path: Path) -> None:
    prompt = random_ids(2200)
    events = gemma.session(tmp_path).generate(prompt, KEEP, 2190)
    while next(events).tokens < 1900:  # type: ignore[union-attr]
        pass
    events.close()
    found = Answer(gemma.session(tmp_path), prompt, 2190)
    assert found.restored >= 1900
    assert found.same_as(Answer(gemma.session(None), prompt, 0))


def test_what_memory_holds_is_not_restored_and_is_kept_when_asked_for(
    gemma: Tiny, tmp_path: Path
) -> None:
    document, question = random_ids(1500), random_ids(9, seed=4)
    session = gemma.session(tmp_path)
    Answer(session, document + question, 1500)
    found = Answer(session, document + random_ids(7, seed=8), 1500)
    assert (found.restored, found.reused) == (0, 1500)
    # Read without being kept, then asked about again.
    Answer(session, document + question, 0, owner="document 2")
    Answer(session, document + random_ids(7, seed=8), 1500, owner="document 2")
    assert Answer(gemma.session(tmp_path), document + question, 1500, owner="document 2").restored


def test_short_texts_are_not_kept(gemma: Tiny, tmp_path: Path) -> None:
    Answer(gemma.session(tmp_path), random_ids(1000), 900)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [None, HISTORY, TAIL, CHECKPOINT])
def test_a_damaged_file_is_deleted_said_and_read_again(
    gemma: Tiny, kind: int | None, tmp_path: Path
) -> None:
    document, question = random_ids(1500), random_ids(9, seed=4)
    first = Answer(gemma.session(tmp_path), document + question, 1500)
    (path,) = tmp_path.iterdir()
    where = 3
    if kind is not None:
        with SnapshotFile(path, KEY) as file:
            record = [record for record in file.records if record.kind == kind][-1]
            where = record.offset + record.size // 2
    content = bytearray(path.read_bytes())
    content[where] ^= 4
    path.write_bytes(content)
    found = Answer(gemma.session(tmp_path), document + question, 1500)
    assert found.same_as(first)
    assert found.restored == 0
    assert len(found.notes) == 1
    assert "damaged" in found.notes[0]
    assert Answer(gemma.session(tmp_path), document + question, 1500).restored == 1500


@pytest.mark.parametrize("how", ["other key", "other document", "other text"])
def test_a_foreign_file_is_deleted_and_read_again(gemma: Tiny, how: str, tmp_path: Path) -> None:
    document, question = random_ids(1500), random_ids(9, seed=4)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    first = Answer(gemma.session(ours), document + question, 1500)
    other = random_ids(1500, seed=7) if how == "other text" else document
    settings = {"key": bytes(32)} if how == "other key" else {}
    owner = "document 2" if how == "other document" else "document 1"
    Answer(gemma.session(theirs, **settings), other + question, 1500, owner=owner)
    (path,), (foreign,) = ours.iterdir(), theirs.iterdir()
    path.write_bytes(foreign.read_bytes())
    found = Answer(gemma.session(ours), document + question, 1500)
    assert found.same_as(first)
    # Not even another document's of the same library and text: it has a key of its own.
    assert found.restored == 0
    assert bool(found.notes) == (how != "other text")


def test_layers_of_another_layout_do_not_share_files(gemma: Tiny, tmp_path: Path) -> None:
    document = random_ids(1500)
    for count, kv in enumerate(KV, start=1):
        assert not Answer(gemma.session(tmp_path, kv), document, 1400).restored
        assert len(list(tmp_path.iterdir())) == count


def test_a_file_cut_anywhere_is_used_as_far_as_it_goes(gemma: Tiny, tmp_path: Path) -> None:
    document, question = random_ids(1700), random_ids(9, seed=4)
    first = Answer(gemma.session(tmp_path), document + question, 1700)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(content[: len(content) * tenth // 10])
        found = Answer(gemma.session(tmp_path), document + question, 1700)
        assert found.same_as(first)
        assert not found.notes
        assert found.restored in (0, 1024, 1536)


def test_a_full_disk_is_said_and_the_answer_given(
    gemma: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = random_ids(1500)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SnapshotFile, "append", full)
    found = Answer(gemma.session(tmp_path), document, 1400)
    assert len(found.notes) == 1
    assert "not kept" in found.notes[0]
    assert "No space left" in found.notes[0]
    assert found.same_as(Answer(gemma.session(None), document, 0))


def test_a_folder_that_cannot_be_made_is_said(gemma: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = Answer(gemma.session(tmp_path / "file" / "snapshots"), random_ids(1500), 1400)
    assert len(found.notes) == 1


def test_what_was_used_least_recently_goes_first(gemma: Tiny, tmp_path: Path) -> None:
    document = random_ids(1500)
    Answer(gemma.session(tmp_path), document, 1400, owner="1")
    size = SnapshotFolder(SnapshotPlace(str(tmp_path), KEY)).nbytes
    # Saving counts a little more than it takes, so that it never takes more than it counted.
    budget = 3 * size + (1 << 20) + 4096
    for owner in ("2", "3"):
        Answer(gemma.session(tmp_path, budget=budget), document, 1400, owner=owner)
    assert Answer(gemma.session(tmp_path, budget=budget), document, 1400, owner="1").restored
    Answer(gemma.session(tmp_path, budget=budget), document, 1400, owner="4")
    kept = {
        owner
        for owner in "134"
        if Answer(gemma.session(tmp_path, budget=budget), document, 1400, owner=owner).restored
    }
    assert kept == {"1", "3", "4"}
    assert not Answer(gemma.session(tmp_path), document, 1400, owner="2").restored
    small = Answer(gemma.session(tmp_path / "small", budget=size), document, 1400)
    assert "MiB" in small.notes[0]
    assert not SnapshotFolder(SnapshotPlace(str(tmp_path / "small"), KEY, size)).nbytes > size


def test_an_owner_is_forgotten_in_memory_and_on_disk(gemma: Tiny, tmp_path: Path) -> None:
    document = random_ids(1500)
    session = gemma.session(tmp_path)
    Answer(session, document, 1400, owner="1")
    Answer(session, document, 1400, owner="2")
    session.forget("1")
    assert Answer(session, document, 1400, owner="2").reused
    session.forget("2")
    folder = SnapshotFolder(SnapshotPlace(str(tmp_path), KEY))
    assert (folder.forget("2"), folder.forget("3")) == (1, 0)
    assert not Answer(session, document, 1400, owner="2").reused
    assert folder.forget_all() == 2
    assert not list(tmp_path.iterdir())


def test_nothing_in_the_folder_can_be_read(gemma: Tiny, tmp_path: Path) -> None:
    document = [7] * 1500
    Answer(gemma.session(tmp_path), document, 1400, owner="Mrs Smith's record")
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert "Smith" not in path.name
    content = path.read_bytes()
    assert len(set(content)) == 256
    for word in (b"Smith", b"keys", b"position", b"BF16", b"safetensors"):
        assert word not in content
    assert "0001" not in repr(SnapshotPlace("folder", bytes(32)))
    assert "key" not in repr(SnapshotPlace("folder", bytes(32)))


def test_checkpoints_are_far_enough_apart(
    gemma: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a tail is large beside what is added, it is written less often."""
    monkeypatch.setattr(KVCache, "snapshot_nbytes", lambda _: (3e6, 1e3))
    stops = []
    with gemma.session(tmp_path)._snapshots.begin("1", random_ids(9000)) as reading:  # type: ignore[union-attr]
        at = 0
        while (at := reading.stop_after(at)) < 1 << 60:
            stops.append(at)
    assert stops == [3072, 6144, 9000]
    assert all(b - a >= 2800 for a, b in pairwise(stops))
