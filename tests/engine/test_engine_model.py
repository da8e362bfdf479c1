"""The whole engine: a folder in, text out; in this process and in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import write_tiny
from tiny_text import gemma_tokenizer, write_text

from engine import model as model_module
from engine.errors import DamagedModel, EngineStopped, MemoryExceeded, PromptTooLong
from engine.model import Model, load
from engine.native import kernels
from engine.options import (
    Event,
    Finished,
    Keep,
    Message,
    Options,
    PromptRead,
    SnapshotPlace,
    Written,
)
from engine.packer import pack_folder
from engine.service import Engine
from engine.widths import KVBits, Widths

CHAT = (Message("user", "What does the record say about metformin?"),)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    write_tiny(folder, "e2b")
    write_text(folder, gemma_tokenizer(500))
    return folder


@pytest.fixture(scope="module")
def packed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "model"
    pack_folder(published, folder, Widths(4, 4), lambda *_: None)
    return folder


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Written))


def ids(events: list[Event]) -> list[int]:
    return [t for event in events if isinstance(event, Written) for t in event.tokens]


def write(model: Model | Engine, **options: object) -> list[Event]:
    return list(model.generate(CHAT, Options(**{"max_tokens": 24, **options})))  # type: ignore[arg-type]


def test_a_conversation_is_answered(published: Path) -> None:
    model = load(published, context=256, bits=32)
    events = write(model)
    assert isinstance(events[0], PromptRead) and isinstance(events[-1], Finished)
    assert events[-1].prompt_tokens == len(model.tokens(CHAT))
    assert model.text is not None
    assert text(events).strip() in model.text.decode(ids(events))
    assert model.facts.context == 256 and model.facts.family == "gemma4"


def test_packed_on_disk_is_packed_on_the_way(published: Path, packed: Path) -> None:
    one, other = load(published, context=256, bits=4), load(packed, context=256)
    assert one.facts.weight_bytes == other.facts.weight_bytes
    assert ids(write(one)) == ids(write(other))


def test_ids_need_no_tokenizer(tmp_path: Path) -> None:
    write_tiny(tmp_path, "12b")
    model = load(tmp_path, context=128)
    events = list(model.generate([5, 6, 7], Options(max_tokens=4)))
    assert len(ids(events)) == 4
    with pytest.raises(DamagedModel, match=r"tokenizer\.json.*missing"):
        model.generate(CHAT)


def test_a_coded_cache_can_be_asked_for(published: Path) -> None:
    if kernels() is None:
        pytest.skip("the kernels are not built")
    prompt = [(7 * i) % 490 + 5 for i in range(1500)]
    plain = load(published, context=1600, bits=32, kv=KVBits(8, 8))
    exact = load(published, context=1600, bits=32)
    a, b = (list(m.generate(prompt, Options(max_tokens=8))) for m in (plain, exact))
    assert ids(a)[:3] == ids(b)[:3]


def test_a_document_in_a_conversation_stays_read(tmp_path: Path) -> None:
    """Whatever is asked after it, and also where it stands in a plain text or among ids."""
    published = tmp_path / "model"
    write_tiny(published, "e2b")
    write_text(published, gemma_tokenizer(480))
    place = SnapshotPlace(str(tmp_path / "snapshots"), bytes(32))
    document = f"{CHAT[0].content} " * 120
    before = [Message("user", "What?"), Message("assistant", "metformin")]

    def read(model: Model, prompt: list[Message] | list[int] | str, keep: Keep) -> PromptRead:
        events = list(model.generate(prompt, Options(max_tokens=1, keep=keep)))
        return next(event for event in events if isinstance(event, PromptRead))

    def chat(question: str) -> list[Message]:
        return [*before, Message("user", f"{document}\n\n{question}")]

    keep = Keep("document", message=2, characters=len(document))
    first, second, third = (load(published, context=4000, snapshots=place) for _ in range(3))
    whole = len(first.tokens(chat("")))
    assert whole > 1100
    assert read(first, chat("What does it say?"), keep).restored == 0
    found = read(second, chat("metformin"), keep)
    assert whole - 30 <= found.restored < whole
    plain = Keep("plain", characters=len(document))
    assert read(second, document + "What?", plain).restored == 0
    assert read(third, document + " say", plain).restored > 1000
    ids = [(7 * i) % 490 + 5 for i in range(1500)]
    assert read(second, ids, Keep("ids", characters=1200)).restored == 0
    assert read(third, [*ids[:1200], 7, 8], Keep("ids", characters=1200)).restored == 1200


def test_too_little_memory_is_said_before_loading(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "gather", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(MemoryExceeded, match="It needs"):
        load(published, memory=1_000_000)


def test_schemas_are_followed(published: Path) -> None:
    model = load(published, context=512, bits=32)
    schema = {
        "type": "object",
        "properties": {"page": {"type": "integer", "minimum": 1, "maximum": 99}},
        "required": ["page"],
        "additionalProperties": False,
    }
    found = text(write(model, schema=schema, max_tokens=60))
    assert found.replace(" ", "").startswith('{"page":')


class TestService:
    """The same behind a pipe."""

    def test_it_writes_what_the_engine_writes(self, packed: Path) -> None:
        expected = ids(write(load(packed, context=256)))
        with Engine(packed, context=256) as engine:
            assert ids(write(engine)) == expected
            assert engine.facts().weight_bytes > 0

    def test_closing_stops_within_a_token(self, packed: Path) -> None:
        with Engine(packed, context=4096) as engine:
            events = engine.generate(CHAT, Options(max_tokens=4000, stop=()))
            for event in events:
                if isinstance(event, Written):
                    break
            start = time.perf_counter()
            events.close()
            assert ids(write(engine, max_tokens=2)) is not None
            assert time.perf_counter() - start < 5

    def test_errors_cross_as_themselves(self, packed: Path) -> None:
        with Engine(packed, context=64) as engine:
            with pytest.raises(PromptTooLong, match="64"):
                list(engine.generate([5] * 100))
            assert len(ids(list(engine.generate([5, 6], Options(max_tokens=2))))) == 2

    def test_a_killed_child_is_an_error_and_starts_again(self, packed: Path) -> None:
        with Engine(packed, context=2048) as engine:
            events = engine.generate([5, 6, 7], Options(max_tokens=2000))
            next(events)
            os.kill(engine._child._process.pid, signal.SIGKILL)  # type: ignore[union-attr]
            with pytest.raises(EngineStopped, match=r"SIGKILL|signal 9"):
                list(events)
            assert len(ids(list(engine.generate([5, 6], Options(max_tokens=2))))) == 2


def test_importing_loads_no_torch() -> None:
    code = (
        "import sys, engine, engine.service, engine.planner, engine.text\n"
        "heavy = {'torch', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
