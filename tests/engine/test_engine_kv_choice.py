"""What a coded cache costs a model: measured, kept beside it, and used when it is opened."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import TWO_GLOBAL, tiny_config, write_tiny
from tiny_text import gemma_tokenizer, write_text
from torch.nn import functional

from engine.cache import KVCache
from engine.config import parse_config
from engine.errors import DamagedModel, EngineError, MemoryExceeded, UnsupportedModel
from engine.kv_measure import (
    CANDIDATES,
    KVProgress,
    Tally,
    candidates_for,
    conversation,
    measure_model,
    text_sum,
    token_ids,
)
from engine.kv_table import (
    FILE_NAME,
    TEXT,
    KVRow,
    KVTable,
    choose,
    read_table,
    table_text,
    write_table,
)
from engine.model import load, open_text
from engine.packer import pack_folder
from engine.planner import plan
from engine.widths import CODEC_VERSION, LEARN, KVBits, Widths
from tests.bench.shapes import shape_config

OURS = Path(__file__).resolve().parents[2] / "resources" / "measuring" / "conversation.txt"
MEASURING = OURS.read_text(encoding="utf-8")
FEW = (KVBits(2, 2), KVBits(4, 3), KVBits(8, 8))
MIXED = KVBits.parse("k2v2+k8v8@9")
ROWS = (
    KVRow(KVBits(2, 2), 0.1, 83.0, 2.06),
    KVRow(KVBits(3, 3), 0.028, 92.0, 3.06),
    KVRow(KVBits(4, 3), 0.01, 95.0, 3.56),
    KVRow(KVBits(8, 8), 0.001, 99.0, 8.06),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kv") / "model"
    write_tiny(folder, "e2b")
    write_text(folder, gemma_tokenizer(480))
    return folder


@pytest.fixture(scope="module")
def deeper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with two global layers that have keys of their own, of which one is shared."""
    folder = tmp_path_factory.mktemp("kv") / "deeper"
    write_tiny(folder, "e2b", **TWO_GLOBAL)
    write_text(folder, gemma_tokenizer(480))
    return folder


@pytest.fixture
def copied(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "model"))


def measured(
    model: Path, text: str = MEASURING, few: tuple[KVBits, ...] = FEW, **settings: Any
) -> KVTable:
    *steps, table = measure_model(model, text, candidates=few, **settings)
    assert isinstance(table, KVTable)
    reads = [step for step in steps if isinstance(step, KVProgress)]
    assert len(reads) == len(steps)
    assert [step.tokens for step in reads] == sorted(step.tokens for step in reads)
    assert reads[-1].tokens == reads[-1].of == (LEARN + table.positions) * (1 + len(few))
    return table


@pytest.fixture(scope="module")
def table(model: Path) -> KVTable:
    return measured(model)


def test_the_text_is_the_one_that_is_named() -> None:
    assert text_sum(MEASURING) == TEXT, "tables measured before are outdated: change TEXT with it"
    turns = conversation(MEASURING)
    assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    assert all(turn.content for turn in turns)


def test_a_text_without_turns_is_refused() -> None:
    for text in ("", "Hello", "before\n=== user\nHello"):
        with pytest.raises(ValueError, match="=== user"):
            conversation(text)


def test_more_bits_cost_less(table: KVTable) -> None:
    two, four, eight = table.rows
    assert two.kld > four.kld > eight.kld > 0
    assert two.top1 <= four.top1 <= eight.top1 <= 100
    assert [row.kv for row in table.rows] == list(FEW)
    assert two.bits < four.bits < eight.bits
    assert (table.form, table.text, table.codec) == ("chat", TEXT, CODEC_VERSION)


def test_figures_are_those_of_a_plain_reading(model: Path, table: KVTable) -> None:
    """All at once, one cache beside the other, as the formula says."""
    opened = load(model, context=64, bits=plan(model).widths.layers)
    assert opened.text is not None
    ids = torch.tensor(token_ids(opened.text, MEASURING)[0][: LEARN + table.positions])
    logs = []
    for bits in (None, FEW[0]):
        cache = KVCache(opened.config, len(ids), 256, bits=bits, key_norms=opened.decoder.key_norms)
        parts = [opened.decoder.forward(part, cache, len(part)) for part in ids.split(256)]
        logs.append(torch.cat(parts)[LEARN:].log_softmax(-1))
    exact, coded = logs
    kld = functional.kl_div(coded, exact, reduction="none", log_target=True).sum(-1).mean()
    same = (exact.argmax(-1) == coded.argmax(-1)).float().mean()
    assert table.rows[0].kld == pytest.approx(float(kld), rel=1e-3)
    assert table.rows[0].top1 == pytest.approx(100 * float(same), abs=0.1)


def test_a_tally_is_exact_for_what_can_be_computed_by_hand() -> None:
    tally = Tally()
    exact, given = torch.tensor([[0.5, 0.5], [0.8, 0.2]]), torch.tensor([[0.25, 0.75], [0.8, 0.2]])
    tally.add(exact.log(), given.log())
    assert tally.kld == pytest.approx(0.5 * (0.5 * torch.log(torch.tensor(4 / 3)).item()))
    assert tally.top1 == 50


def test_a_base_model_reads_plain_text(copied: Path) -> None:
    (copied / "chat_template.jinja").unlink()
    found = measured(copied)
    assert found.form == "plain"
    assert found.positions > LEARN


def test_what_cannot_be_measured_is_said(copied: Path) -> None:
    short = "=== user\nHello"
    with pytest.raises(UnsupportedModel, match="tokens can be read"):
        measured(copied, short)
    with pytest.raises(MemoryExceeded):
        measured(copied, memory=1_000_000)
    (copied / "tokenizer.json").unlink()
    with pytest.raises(DamagedModel, match=r"tokenizer\.json: The tokenizer is missing"):
        measured(copied)


def test_the_smallest_width_within_the_limit_is_chosen() -> None:
    table = KVTable("", TEXT, "chat", 1500, ROWS)
    assert choose(table) == table.choice == KVBits(3, 3)
    assert choose(table, 0.01) == KVBits(4, 3)
    assert choose(table, 1) == KVBits(2, 2)
    assert choose(table, 0.0001) is None
    assert choose(replace(table, rows=())) is None
    nan = KVRow(KVBits(2, 2), float("nan"), 0, 2)
    assert choose(replace(table, rows=(nan,))) is None
    assert len({kv.name for kv in CANDIDATES}) == len(CANDIDATES)


def test_a_table_comes_back(model: Path, table: KVTable, tmp_path: Path) -> None:
    place = write_table(model, table)
    assert place == model / FILE_NAME
    assert read_table(model).table == table
    assert json.loads(place.read_text())["rows"][0]["name"] == "k2v2"
    assert [path.name for path in model.glob(".*")] == []
    place.unlink()
    assert read_table(model, tmp_path).table is None


def test_beside_a_gguf_file_it_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "gemma.Q4_K_M.gguf"
    path.write_bytes(b"GGUF")
    assert read_table(path).table is None
    from engine.fingerprint import fingerprint

    table = KVTable(fingerprint(path), TEXT, "plain", 1500, ROWS)
    assert write_table(path, table) == tmp_path / "gemma.Q4_K_M.kv.json"
    assert read_table(path).kv == KVBits(3, 3)


def test_where_the_model_cannot_be_written_to_another_folder_serves(
    copied: Path, table: KVTable, tmp_path: Path
) -> None:
    (copied / FILE_NAME).mkdir()  # stands in for a read-only place; the tests may run as root
    with pytest.raises(EngineError, match=FILE_NAME):
        write_table(copied, table)
    own = tmp_path / "data" / "kv"
    kept = write_table(copied, table, own)
    assert kept == own / f"{table.model}.kv.json"
    assert read_table(copied, own).table == table
    (copied / FILE_NAME).rmdir()
    # The newer one is beside the model now, and the only one.
    assert write_table(copied, table, own) == copied / FILE_NAME
    assert not kept.exists()
    assert read_table(copied, own).table == table


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("model", "0" * 64, "another model"),
        ("codec", CODEC_VERSION + 1, "another version of the codec"),
        ("text", "0" * 64, "another text"),
        ("format", 99, "newer program"),
        ("rows", [{"name": "k5v3", "kld": 0, "top1": 0, "bits": 0}], "cannot be read"),
        ("rows", [{"name": 33, "kld": 0, "top1": 0, "bits": 0}], "cannot be read"),
        (
            "rows",
            [{"name": "k3v3+k4v4@3", "kld": 0, "top1": 0, "bits": 0}],
            "layers that the model does not have",
        ),
        ("limit", float("nan"), "cannot be read"),
        ("form", "song", "cannot be read"),
    ],
)
def test_a_table_of_something_else_counts_as_none(
    copied: Path, table: KVTable, field: str, value: object, said: str
) -> None:
    data = {**json.loads(table_text(table)), field: value}
    (copied / FILE_NAME).write_text(json.dumps(data))
    stored = read_table(copied)
    assert stored.table is None
    assert stored.kv is None
    assert said in stored.note
    assert FILE_NAME in stored.note
    assert "muniment models kv" in stored.note


def test_a_damaged_table_counts_as_none(copied: Path) -> None:
    for content in (b"", b"[]", b"{", b"\xff\xfe"):
        (copied / FILE_NAME).write_bytes(content)
        assert "cannot be read" in read_table(copied).note


def test_a_model_opens_with_what_was_measured(copied: Path, table: KVTable) -> None:
    write_table(copied, replace(table, limit=10))
    opened = load(copied, context=2048, kv="auto")
    assert opened.facts.kv == "k2v2"
    assert opened.facts.notes == ()
    assert opened.facts.cache_bytes == plan(copied, context=2048, kv=KVBits(2, 2)).cache
    assert load(copied, context=2048).facts.kv == "exact"
    assert load(copied, context=2048, kv=KVBits(4, 3)).facts.kv == "k4v3"

    write_table(copied, replace(table, limit=0))
    opened = load(copied, context=2048, kv="auto")
    assert opened.facts.kv == "exact"
    assert "No KV width stays within" in opened.facts.notes[0]


def test_models_have_widths_of_their_own_to_measure() -> None:
    expected = {
        "e2b": {"k3v3+k4v3@14", "k3v3+k4v4@14"},
        "e4b": {"k3v3+k4v3@23", "k3v3+k4v4@23"},
        "12b": {"k4v3+k2v2@47"},
        "26b-a4b": {"k4v3+k2v2@29"},
        "31b": {"k4v3+k2v2@59"},
    }
    for shape, names in expected.items():
        found = candidates_for(shape_config(shape))
        assert {kv.name for kv in found if kv not in CANDIDATES} == names
        assert set(found) > set(CANDIDATES)
        assert len(found) == len(CANDIDATES) + len(names)
    for variant in ("e2b", "gemma3"):
        config = parse_config(tiny_config(variant).to_dict())
        assert candidates_for(config) == CANDIDATES, "there is nothing to tell apart"


def test_one_layer_with_more_bits_lies_between(deeper: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(deeper, tmp_path / "model"))
    table = measured(folder, few=(KVBits(2, 2), MIXED, KVBits(8, 8)))
    two, mixed, eight = table.rows
    assert two.kld > mixed.kld > eight.kld
    assert mixed.bits == pytest.approx((two.bits + eight.bits) / 2, abs=0.002)
    write_table(folder, replace(table, limit=(two.kld + mixed.kld) / 2))
    assert read_table(folder).table == replace(table, limit=(two.kld + mixed.kld) / 2)
    opened = load(folder, context=2048, kv="auto")
    assert opened.facts.kv == "k2v2+k8v8@9"
    assert opened.facts.cache_bytes == plan(folder, context=2048, kv=MIXED).cache
    with pytest.raises(ValueError, match="14"):
        load(folder, context=2048, kv=KVBits.parse("k3v3+k4v4@14"))


def test_a_table_of_format_1_is_still_read(copied: Path, table: KVTable) -> None:
    data = {**json.loads(table_text(table)), "format": 1}
    for row in data["rows"]:
        row |= {"keys": int(row["name"][1]), "values": int(row["name"][3])}
    (copied / FILE_NAME).write_text(json.dumps(data))
    assert read_table(copied).table == table


def test_without_a_table_the_cache_is_exact_and_it_is_said(copied: Path) -> None:
    facts = load(copied, context=2048, kv="auto").facts
    assert facts.kv == "exact"
    assert "has not been measured" in facts.notes[0]
    assert "muniment models kv" in facts.notes[0]


def test_a_packed_model_is_measured_too(model: Path, tmp_path: Path) -> None:
    pack_folder(model, tmp_path / "packed", Widths(4, 4), lambda *_: None)
    write_table(tmp_path / "packed", measured(tmp_path / "packed", limit=10))
    assert read_table(tmp_path / "packed").kv == FEW[0]
    assert open_text(tmp_path / "packed") is not None
