"""Images and audio on their way through the engine: limits, refusals, store, plan, process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_files import picture, saved, wav
from tiny import tiny_model, write_tiny
from tiny_gguf import write_gguf
from tiny_media import IDS, write_seeing
from tiny_text import write_text

from engine import media
from engine import snapshots as snapshots_module
from engine.cache import KVCache
from engine.errors import BadMedia, MemoryExceeded, PromptTooLong, UnsupportedModel
from engine.media_config import BUDGETS, read_media
from engine.media_sizes import encoding_bytes, open_needs, tower_bytes
from engine.model import Model, load
from engine.options import (
    MOST_PART_BYTES,
    Audio,
    Image,
    Keep,
    Message,
    Options,
    PromptRead,
    SnapshotPlace,
    Written,
)
from engine.packed_notes import TOWERS
from engine.packer import pack_folder
from engine.planner import plan
from engine.prompt import Prompt, Span
from engine.protocol import check_sizes
from engine.service import Engine
from engine.sizes import CHUNK, cache_bytes, rows_at_once, tower_width
from engine.snapshot_folder import SnapshotFolder
from engine.soft_store import DiskStore, MemoryStore
from engine.tower_tensors import TowerTensors
from engine.towers import Towers
from engine.widths import Widths
from tests.bench.kv_memory import AnonymousWatch, anonymous
from tests.bench.shapes import COMMON, SHAPES
from tests.bench.vision import write_towers
from tests.zeros import write_zero_tensors

GB = 10**9
PAGE = Image(saved(picture(200, 260, 1)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    found = {}
    for variant in ("e2b", "12b", "31b"):
        found[variant] = tmp_path_factory.mktemp(variant)
        write_seeing(found[variant], variant)
    yield found


@pytest.fixture(scope="module")
def model(folders: dict[str, Path]) -> Model:
    return load(folders["e2b"], context=1024)


def ask(*parts: Any) -> list[Message]:
    return [Message("user", tuple(parts))]


def test_a_hundred_images_are_too_many_before_any_is_read_on(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    real = media.read_image  # type: ignore[attr-defined]
    monkeypatch.setattr(media, "read_image", lambda *args: (reads.append(1), real(*args))[1])
    length = model.session._cache.length
    with pytest.raises(PromptTooLong, match=r"tokens or more, and the context holds 1,024"):
        model.generate(ask(*[PAGE] * 100))
    assert len(reads) < 20
    assert model.session._cache.length == length


@pytest.mark.parametrize(
    ("part", "kind", "says"),
    [
        (Image(b"GIF89a"), BadMedia, "Image 2 of the prompt: It is"),
        (Image(saved(picture(9, 9)), 100), BadMedia, "Choose one of 70, 140, 280, 560, 1120"),
        (Image("/nowhere.png"), BadMedia, "Image 2 of the prompt, /nowhere.png: It cannot be read"),
        (Audio(wav(np.zeros(100))), BadMedia, "Audio 2 of the prompt: It is too short"),
    ],
)
def test_bad_parts_are_named(model: Model, part: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        model.generate(ask(PAGE, "and", part))


def test_control_tokens_in_texts_make_no_image(model: Model) -> None:
    prompt = model.prompt(ask("<|image|> and <|image>", PAGE, "<|audio|>"))
    image = IDS["image_token_id"]
    assert [span.count for span in prompt.spans] == [prompt.ids.count(image)]
    plain = model.prompt([Message("user", "an <|image|>")])
    assert image not in plain.ids
    assert plain.spans == ()


def test_texts_in_parts_are_one_text(model: Model) -> None:
    parts = model.tokens([Message("user", ("The quick", " brown fox"))])
    assert parts == model.tokens([Message("user", "The quick brown fox")])


def test_models_that_do_not_see_say_so(tmp_path: Path, folders: dict[str, Path]) -> None:
    write_tiny(tmp_path / "text", "e2b")
    write_text(tmp_path / "text")
    text = load(tmp_path / "text", context=256)
    assert (text.facts.image_budgets, text.facts.audio_seconds) == ((), 0)
    with pytest.raises(UnsupportedModel, match=r"sees no images\. Use another model"):
        text.generate(ask(PAGE))
    write_gguf(tmp_path / "model.gguf", tiny_model("e2b"))
    with pytest.raises(UnsupportedModel, match="GGUF file has the decoder only"):
        load(tmp_path / "model.gguf", context=256).generate(ask(PAGE))
    pack_folder(folders["31b"], tmp_path / "packed", Widths(4, 8), lambda *_: None)
    (tmp_path / "packed" / TOWERS).unlink()
    with pytest.raises(UnsupportedModel, match="Pack it again"):
        load(tmp_path / "packed", context=256).generate(ask(PAGE))


def test_a_template_that_places_no_images_is_refused(
    tmp_path: Path, folders: dict[str, Path]
) -> None:
    shutil.copytree(folders["e2b"], tmp_path / "m")
    (tmp_path / "m" / "chat_template.jinja").write_text("{{ bos_token }}{{ messages | length }}")
    with pytest.raises(UnsupportedModel, match="does not place images"):
        load(tmp_path / "m", context=256).generate(ask(PAGE))


def test_the_store_forgets_the_oldest() -> None:
    store = MemoryStore(most=3 * 40)
    for key in "abc":
        store.put(key, torch.full((1, 10), float(ord(key))))
    assert store.get("a") is not None
    store.put("d", torch.zeros(1, 10))
    assert store.get("b") is None
    assert store.get("a") is not None
    assert store.nbytes == 120
    store.put("large", torch.zeros(100, 10))
    assert store.get("large") is None
    store.put("a", torch.zeros(1, 10))
    assert store.nbytes == 120


@pytest.mark.parametrize("variant", ["e2b", "12b", "31b"])
@pytest.mark.parametrize("widths", [Widths(4, 8), Widths(32, 32)])
def test_the_plan_counts_the_towers(folders: dict[str, Path], variant: str, widths: Widths) -> None:
    tensors = TowerTensors(folders[variant])
    width = tower_width(widths)
    config = read_media(folders[variant])
    assert config is not None
    towers = Towers(config, tensors, width, torch.device("cpu"))
    towers.see(np.zeros((48, 96, 3), np.uint8))
    held = {"vision": held_by(towers._eyes[:2])}
    if config.audio:
        towers.hear(np.zeros(4000, np.float32))
        assert "_eyes" not in vars(towers)
        held["audio"] = held_by(towers._ears[:2])
    for tower, nbytes in held.items():
        shapes = [entry.shape for name, entry in tensors.entries.items() if tower in name]
        assert tower_bytes(shapes, width) == nbytes
    assert open_needs(folders[variant])(widths).nbytes > max(held.values())


def test_encoding_keeps_to_its_plan(tmp_path: Path) -> None:
    """The largest budget, in a tower with a broad feed-forward."""
    settings = {
        "hidden_size": 256,
        "intermediate_size": 4096,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 64,
    }
    write_towers(tmp_path, settings)
    config = read_media(tmp_path)
    assert config is not None
    assert config.vision is not None
    towers = Towers(config, TowerTensors(tmp_path), 16, torch.device("cpu"))
    towers.see(np.zeros((48, 48, 3), np.uint8))
    pixels = np.random.default_rng(0).integers(0, 255, (1344, 1872, 3), np.uint8)
    held = anonymous()
    with AnonymousWatch(0.005) as watch:
        assert len(towers.see(pixels)) == 28 * 39
    assert watch.peak - held < encoding_bytes(config.vision, False, 1120)


def held_by(modules: tuple[Any, ...]) -> int:
    """Bytes of all tensors and matrices."""
    held = 0
    for module in filter(None, modules):
        held += sum(tensor.nbytes for tensor in module.state_dict().values())
        for product in (m for m in module.modules() if hasattr(m, "_matrix")):
            held += product._matrix.nbytes + (0 if product._bias is None else product._bias.nbytes)
    return held


def test_soft_tokens_lie_encrypted_beside_a_document_until_it_goes(tmp_path: Path) -> None:
    place = SnapshotPlace(str(tmp_path), bytes(32))
    rows = torch.arange(600.0).view(6, 100)

    def opened() -> DiskStore:
        return DiskStore(SnapshotFolder(place), MemoryStore())

    opened().put("a", rows, "document 1")
    opened().put("b", rows)
    found = opened().get("a", "document 1")
    assert found is not None
    assert torch.equal(found, rows)
    assert opened().get("a", "document 2") is None, "it goes with its own document"
    assert opened().get("b", "document 1") is None
    (path,) = tmp_path.iterdir()
    assert rows.numpy().tobytes()[:64] not in path.read_bytes()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert opened().get("a", "document 1") is None
    assert not path.exists(), "what is damaged goes"
    opened().put("a", rows, "document 1")
    SnapshotFolder(place).forget("document 1")
    assert opened().get("a", "document 1") is None


def test_a_page_is_encoded_once_for_all_times(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again after the model was closed; and with another question, which reads no page."""
    place, seen = SnapshotPlace(str(tmp_path / "readings"), bytes(32)), 0
    see = Towers.see

    def counted(self: Towers, pixels: Any) -> torch.Tensor:
        nonlocal seen
        seen += 1
        return see(self, pixels)

    monkeypatch.setattr(Towers, "see", counted)
    options = Options(max_tokens=3, keep=Keep("document 1", characters=0))
    answers = []
    for _ in range(2):
        model = load(folders["31b"], context=512, snapshots=place)
        events = list(model.generate(ask(PAGE), options))
        answers.append([t for e in events if isinstance(e, Written) for t in e.tokens])
    assert answers[0] == answers[1]
    assert seen == 1


@pytest.mark.parametrize("variant", ["e2b", "31b"])
def test_a_document_of_pictures_stays_read(
    folders: dict[str, Path], variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints never cut an image in two, and another picture is another document."""
    monkeypatch.setattr(snapshots_module, "LEAST_DISTANCE", 300)
    monkeypatch.setattr(KVCache, "snapshot_nbytes", lambda _: (0.0, 1.0))
    place = SnapshotPlace(str(tmp_path / "readings"), bytes(32))
    pages = [Image(saved(picture(200, 260, number)), 70) for number in range(24)]

    def asked(shown: list[Image]) -> tuple[PromptRead, list[int]]:
        model = load(folders[variant], context=4096, snapshots=place)
        messages = [Message("user", (*shown, "The dog"))]
        options = Options(max_tokens=3, keep=Keep("document 1", characters=0))
        events = list(model.generate(messages, options))
        read = next(event for event in events if isinstance(event, PromptRead))
        return read, [t for e in events if isinstance(e, Written) for t in e.tokens]

    first, written = asked(pages)
    assert first.restored == 0
    again, found = asked(pages)
    assert again.restored > 1024
    assert found == written
    # The last page ends too near to the question to be kept whole.
    changed = [*pages[:-3], Image(saved(picture(200, 260, 99)), 70), *pages[-2:]]
    other, _ = asked(changed)
    assert 1024 <= other.restored < again.restored


@pytest.mark.parametrize("context", [300, 1000, 4096])
def test_the_plan_counts_a_cache_that_takes_images_whole(
    folders: dict[str, Path], context: int
) -> None:
    loaded = load(folders["31b"], context=context, memory=8 * GB)
    rows = rows_at_once(max(BUDGETS), context)
    assert loaded.session._cache.chunk == rows == min(1120, context)
    assert cache_bytes(loaded.config, context, 2, None, 1120) == loaded.facts.cache_bytes
    assert plan(folders["31b"], 8 * GB, context).soft_rows == 1120
    assert plan(folders["e2b"], 8 * GB, context).soft_rows == 0
    assert KVCache(loaded.config, context, CHUNK).nbytes <= loaded.facts.cache_bytes


def test_without_memory_for_towers_a_model_still_reads(folders: dict[str, Path]) -> None:
    whole = plan(folders["e2b"], 8 * GB, 1024)
    assert whole.media > 0
    assert "images, audio" in whole.summary()
    tight = whole.needed - 1
    left_out = plan(folders["e2b"], tight, 1024, Widths(8, 8))
    assert left_out.fits
    assert (left_out.media, left_out.media_left_out) == (0, whole.media)
    assert "no memory for" in left_out.summary()
    loaded = load(folders["e2b"], context=1024, memory=tight, bits=8)
    assert loaded.facts.image_budgets == ()
    assert any("Images and audio are refused" in note for note in loaded.facts.notes)
    assert list(loaded.generate("The dog", Options(max_tokens=1)))
    with pytest.raises(MemoryExceeded, match="no memory to see and hear"):
        loaded.generate(ask(PAGE))


def test_a_shorter_context_is_taken_before_sight_is_given_up(tmp_path: Path) -> None:
    """Unless a context was asked for, or too little would be left for documents."""
    settings = {
        "model_type": "gemma4",
        "text_config": {**COMMON, **SHAPES["31b"], "model_type": "gemma4_text"},
        "vision_config": {"hidden_size": 1152, "intermediate_size": 4304},
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    write_zero_tensors(
        tmp_path / "model.safetensors", {"model.vision_tower.x.linear.weight": [30_000, 16_000]}
    )
    half, little = (plan(tmp_path, 64 * GB, n, Widths(4, 4)).needed for n in (16_384, 4_096))
    shorter = plan(tmp_path, half)
    assert shorter.fits
    assert shorter.media > 2 * 30_000 * 16_000
    assert shorter.context == 16_384
    for planned in (plan(tmp_path, half, 32_768), plan(tmp_path, little)):
        assert planned.fits
        assert planned.media == 0
        assert planned.context > 16_384


def test_sizes_are_checked_before_anything_is_sent(tmp_path: Path) -> None:
    large = bytes(MOST_PART_BYTES + 1)
    with pytest.raises(BadMedia, match="Image or audio 2"):
        check_sizes((Message("user", (PAGE, Audio(large))),))
    with pytest.raises(BadMedia, match="Its images and audio have"):
        check_sizes((Message("user", (Image(large[:-1]),) * 5),))
    with pytest.raises(BadMedia), Engine(tmp_path) as engine:
        list(engine.generate(ask(Image(large))))


def test_a_span_is_neither_cut_nor_returned_into() -> None:
    prompt = Prompt(list(range(30)), (Span(5, 4, "a"), Span(9, 12, "b", both_ways=True)))
    assert [prompt.whole(p) for p in (4, 5, 6, 8, 9, 10, 20, 21)] == [4, 5, 5, 5, 9, 9, 9, 21]
    assert [prompt.part_end(first, 7, 12) for first in (0, 5, 9, 21)] == [5, 9, 21, 28]
    assert prompt.part_end(9, 7, 10) == 19, "only who sees nothing ahead is read in pieces"
    entries = prompt.entries()
    assert entries[4:7] == [4, ("a", 0), ("a", 1)]
    assert len(set(entries)) == 30


CHILD = """
import sys
import engine.model
model = engine.model.load(sys.argv[1], context=512)
assert model.facts.image_budgets and list(model.generate("The dog"))
assert "transformers" not in sys.modules
"""


def test_transformers_waits_for_the_first_image(folders: dict[str, Path]) -> None:
    command = [sys.executable, "-c", CHILD, str(folders["e2b"])]
    subprocess.run(command, check=True)


def test_images_cross_to_the_child(folders: dict[str, Path], tmp_path: Path) -> None:
    """Behind the program's guard, which lets nobody make a socket: nothing is fetched."""
    path = tmp_path / "page.png"
    assert isinstance(PAGE.source, bytes)
    path.write_bytes(PAGE.source)
    with Engine(folders["31b"], context=512, kv=None, guard="app.core.offline:enforce") as engine:
        assert engine.facts().image_budgets == (70, 140, 280, 560, 1120)
        answers = []
        for image in (PAGE, Image(str(path)), Image(PAGE.source, 140)):
            events = engine.generate(ask(image, "What?"), Options(max_tokens=5))
            answers.append([e.tokens for e in events if isinstance(e, Written)])
        assert answers[0] == answers[1]
        with pytest.raises(BadMedia, match="Image 1 of the prompt"):
            list(engine.generate(ask(Image(b"nothing"))))
        assert list(engine.generate("still there", Options(max_tokens=1)))


def test_a_broken_processor_file_is_named(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["e2b"], tmp_path / "m")
    path = tmp_path / "m" / "processor_config.json"
    path.write_text(json.dumps({"image_processor": {"max_soft_tokens": 99}}))
    with pytest.raises(Exception, match="max_soft_tokens is 99"):
        load(tmp_path / "m", context=256)
    path.write_text("{")
    with pytest.raises(Exception, match=r"processor_config.json: It cannot be read"):
        load(tmp_path / "m", context=256)
