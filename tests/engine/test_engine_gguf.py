"""GGUF files: the same logits as the same weights in safetensors, formats, tokenizer, bad files."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from tiny import VOCABULARY, tiny_model
from transformers import PreTrainedModel

from engine.cache import KVCache
from engine.checkpoint import Checkpoint
from engine.config import ModelConfig, read_config
from engine.decoder import Decoder
from engine.errors import DamagedModel, ModelError, UnsupportedModel
from engine.gguf_blocks import numbers, packed
from engine.gguf_file import (
    BlockTable,
    GgufCheckpoint,
    gguf_chat_template,
    gguf_config,
    gguf_tokenizer,
)
from engine.gguf_reader import GgufReader, StoredTensor
from engine.matrix import Joined, Width
from engine.tensors import Source, Widths, gather
from tests.engine.tiny_gguf import round_to, write_gguf

ROWS = 20


def logits(config: ModelConfig, source: Source, width: Width = 32) -> torch.Tensor:
    decoder = Decoder(config, gather(config, source, Widths(width, width)))
    ids = torch.arange(7, 7 + ROWS * 11, 11) % VOCABULARY
    return decoder.forward(ids, KVCache(config, 64, 64, torch.float32), ROWS)


def saved(path: Path, model: PreTrainedModel, kind: Kind, split_experts: bool = False) -> Path:
    """A GGUF file beside a folder with the same weights as safetensors."""
    round_to(model, kind)
    write_gguf(path / "model.gguf", model, kind, split_experts)
    model.save_pretrained(path / "folder")
    return path / "model.gguf"


@pytest.mark.parametrize("kind", [Kind.F32, Kind.Q4_0, Kind.Q8_0], ids=lambda k: k.name)
@pytest.mark.parametrize("variant", ["gemma3", "e2b", "12b", "26b"])
def test_same_logits_as_safetensors(tmp_path: Path, variant: str, kind: Kind) -> None:
    path = saved(tmp_path, tiny_model(variant), kind)
    config = read_config(tmp_path / "folder")
    expected = logits(config, Checkpoint(tmp_path / "folder"))
    found = logits(gguf_config(path), GgufCheckpoint(path))
    # Gemma 3's norms are stored plus one there: the sum is rounded once more.
    tolerance = 1e-5 if variant == "gemma3" else 0.0
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("variant", ["gemma3", "e4b", "26b", "31b"])
def test_same_configuration_as_the_folder(tmp_path: Path, variant: str) -> None:
    path = saved(tmp_path, tiny_model(variant), Kind.F32)
    ours, theirs = gguf_config(path), read_config(tmp_path / "folder")
    assert ours.layers == theirs.layers
    assert ours.rope == theirs.rope
    for name in ("hidden", "vocabulary", "heads", "context", "attention_scale", "softcap", "tied",
                 "value_norm", "per_layer_size", "experts", "active_experts",
                 "expert_feed_forward"):  # fmt: skip
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.epsilon == pytest.approx(theirs.epsilon)
    assert ours.eos == (1, 4)
    assert ours.bos == 2


def test_experts_in_two_stacks(tmp_path: Path) -> None:
    path = saved(tmp_path, tiny_model("26b"), Kind.Q4_0, split_experts=True)
    config = read_config(tmp_path / "folder")
    expected = logits(config, Checkpoint(tmp_path / "folder"))
    torch.testing.assert_close(logits(gguf_config(path), GgufCheckpoint(path)), expected)


@pytest.mark.parametrize(("kind", "width"), [(Kind.Q4_0, 4), (Kind.Q8_0, 8)])
def test_weights_stay_as_the_file_rounded_them(tmp_path: Path, kind: Kind, width: int) -> None:
    model = tiny_model("gemma3")
    path = saved(tmp_path, model, kind)
    weights = gather(gguf_config(path), GgufCheckpoint(path), Widths(4, 4))
    attention = model.model.layers[2].self_attn
    parts = [attention.q_proj, attention.k_proj, attention.v_proj]
    qkv = weights.layers[2].qkv
    assert not isinstance(qkv, Joined)
    assert qkv.width == weights.embedding.width == width
    assert torch.equal(qkv.dense(), torch.cat([part.weight for part in parts]))
    assert torch.equal(weights.embedding.dense(), model.model.embed_tokens.weight)
    exact = logits(gguf_config(path), GgufCheckpoint(path))
    near = logits(gguf_config(path), GgufCheckpoint(path), 4)
    assert (near - exact).norm() < 0.05 * exact.norm()


def test_the_table_is_looked_up_where_it_lies(tmp_path: Path) -> None:
    model = tiny_model("e2b")
    path = saved(tmp_path, model, Kind.Q8_0)
    config = gguf_config(path)
    weights = gather(config, GgufCheckpoint(path), Widths())
    assert isinstance(weights.table, BlockTable)
    whole = model.model.embed_tokens_per_layer.weight
    ids = torch.tensor([3, 499, 3, 0])
    assert torch.equal(weights.table.rows(ids, 64, 160), whole[ids, 64:160])
    assert weights.table.nbytes == whole.numel() // 32 * 34


# Bytes at which a block's fp16 scales lie.
_SCALES = {
    Kind.Q4_0: (0,), Kind.Q4_1: (0, 2), Kind.Q5_0: (0,), Kind.Q5_1: (0, 2), Kind.Q8_0: (0,),
    Kind.Q2_K: (80, 82), Kind.Q3_K: (108,), Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2), Kind.Q6_K: (208,),
    Kind.IQ4_NL: (0,), Kind.IQ4_XS: (0,),
}  # fmt: skip


def random_blocks(path: Path, kind: Kind, rows: int, inputs: int) -> StoredTensor:
    """Any bytes are valid quants; the scales must be sensible numbers."""
    rng = np.random.default_rng(1)
    size, nbytes = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * inputs // size, nbytes), dtype=np.uint8)
    for at in _SCALES[kind]:
        scale = rng.uniform(0.001, 0.02, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scale.view(np.uint8).reshape(-1, 2)
    path.write_bytes(blocks.tobytes())
    return StoredTensor(path, "random", kind, (rows, inputs), 0, blocks.size)


@pytest.mark.parametrize("kind", _SCALES, ids=lambda k: k.name)
def test_every_format_gives_the_numbers_of_the_gguf_package(tmp_path: Path, kind: Kind) -> None:
    stored = random_blocks(tmp_path / "blocks", kind, 40, 512)
    raw = stored.read(0, 40)
    expected = torch.from_numpy(gguf.quants.dequantize(raw, kind).copy())
    torch.testing.assert_close(numbers(kind, raw), expected, atol=1e-6, rtol=1e-6)
    assert torch.equal(packed(stored, 0, 40, 32).dense(), numbers(kind, raw))
    matrix = packed(stored, 8, 30, 4)
    assert matrix.width == (4 if kind in (Kind.Q4_0, Kind.Q4_1, Kind.Q4_K) else 8)
    exact = kind in (Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q8_0)
    allowed = 1e-6 if exact else 0.005 * float(expected.abs().max())
    torch.testing.assert_close(matrix.dense(), expected[8:38], atol=allowed, rtol=0)


def test_slabs_join_into_one_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = random_blocks(tmp_path / "blocks", Kind.Q4_K, 100, 256)
    whole = packed(stored, 0, 100, 4)
    monkeypatch.setattr("engine.gguf_blocks._SLAB_NUMBERS", 256 * 32)
    slabs = packed(stored, 0, 100, 4)
    assert torch.equal(whole.data, slabs.data)
    assert torch.equal(whole.dense(), slabs.dense())


def test_parts_in_different_formats_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "mixed.gguf"
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "gemma3")
    for name, kind in (("attn_q", Kind.Q4_0), ("attn_k", Kind.Q8_0)):
        data = rng.normal(size=(16, 64)).astype(np.float32)
        writer.add_tensor(f"blk.0.{name}.weight", gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    names = [(f"layers.0.self_attn.{part}_proj.weight", 16) for part in "qk"]
    joined = GgufCheckpoint(path).matrix("layers.0.qkv", names, 64, 4)
    assert isinstance(joined, Joined)
    assert [part.width for part in joined.parts] == [4, 8]


def test_tokenizer_and_template(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(path, tiny_model("gemma3"))
    tokenizer = gguf_tokenizer(path)
    text = "the and  a\nthe<end_of_turn>\u00e9"
    encoded = tokenizer.encode(text)
    expected = "<bos> the ▁and ▁ ▁a \n the <end_of_turn> <0xC3> <0xA9>"
    assert encoded.tokens == [t or "\n" for t in expected.split(" ")]
    assert tokenizer.decode(encoded.ids, skip_special_tokens=False) == "<bos>" + text
    assert tokenizer.get_vocab_size() == VOCABULARY
    assert gguf_chat_template(path) == "{{ bos_token }}{{ messages[0]['content'] }}"


def test_a_model_in_several_files(tmp_path: Path) -> None:
    model = tiny_model("gemma3")
    whole = saved(tmp_path, model, Kind.F32)
    parts = [tmp_path / f"m-0000{i}-of-00002.gguf" for i in (1, 2)]
    write_gguf(parts[0], model, leave_out="output_norm.weight", settings={"split.count": 2})
    writer = gguf.GGUFWriter(parts[1], "gemma3")
    writer.add_tensor("output_norm.weight", model.model.norm.weight.detach().numpy() + 1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    expected = logits(gguf_config(whole), GgufCheckpoint(whole))
    assert torch.equal(logits(gguf_config(parts[0]), GgufCheckpoint(parts[0])), expected)
    with pytest.raises(DamagedModel, match="missing"):
        parts[1].unlink()
        GgufReader(parts[0])
    parts[0].rename(tmp_path / "other.gguf")
    with pytest.raises(DamagedModel, match="one of 2 parts"):
        GgufReader(tmp_path / "other.gguf")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "model.gguf"
    write_gguf(path, tiny_model("e2b"), Kind.Q4_0)
    return path.read_bytes()


def opened(path: Path) -> None:
    config = gguf_config(path)
    gather(config, GgufCheckpoint(path), Widths())
    gguf_tokenizer(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: b"", "is empty"),
        (lambda good: b"PK\3\4" + good[4:], "not a GGUF file"),
        (lambda good: good[:20], "cut short"),
        (lambda good: good[: len(good) // 50], "cut short"),
        (lambda good: good[:-1000], "cut short: the tensor"),
        (lambda good: good[:8] + b"\xff" * 16 + good[24:], "cut short|damaged"),
        (lambda good: good.replace(b"gemma4", b"llama7"), "architecture is llama7"),
        (lambda good: good[:4] + struct.pack(">I", 3) + good[8:], "big-endian"),
        (lambda good: good[:4] + struct.pack("<I", 9) + good[8:], "version 9"),
        (lambda good: good.replace(b"blk.3.attn_q.", b"blk.3.attn_x."), "attn_q.weight is missing"),
        (lambda good: good.replace(b"rope_freqs.", b"rope_xxxxx."), "rope_freqs.weight is missing"),
        (lambda good: good.replace(b".block_count", b".block_xxxxx"), "block_count is missing"),
        (lambda good: good.replace(b".ggml.model", b".ggml.xxxxx"), "no tokenizer"),
    ],
)
def test_bad_files_are_named_with_cause_and_remedy(
    tmp_path: Path, good: bytes, change: object, message: str
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(change(good))  # type: ignore[operator]
    with pytest.raises(ModelError, match=message) as caught:
        opened(path)
    assert str(path) == caught.value.subject
    assert caught.value.remedy.endswith(".")


def test_any_damage_to_the_header_is_an_error_of_ours(tmp_path: Path, good: bytes) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "bad.gguf"
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(4):
            bad[int(rng.integers(8, 12_000))] = int(rng.integers(0, 256))
        path.write_bytes(bad)
        try:
            gguf_config(path)
            gguf_tokenizer(path)
        except ModelError:
            continue


def test_a_missing_file_and_wrong_shapes(tmp_path: Path) -> None:
    with pytest.raises(DamagedModel, match="missing"):
        GgufCheckpoint(tmp_path / "none.gguf")
    path = tmp_path / "model.gguf"
    write_gguf(path, tiny_model("gemma3"))
    source = GgufCheckpoint(path)
    with pytest.raises(DamagedModel, match=r"has the shape \[64, 64\], not \[32, 64\]"):
        source.matrix("x", [("layers.0.self_attn.q_proj.weight", 32)], 64, 4)
    assert "layers.0.layer_scalar" not in source


def test_unknown_number_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), dtype=np.int8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UnsupportedModel, match="I8"):
        GgufCheckpoint(path).matrix("embed_tokens", [("embed_tokens.weight", 4)], 32, 4)
    numbered = path.read_bytes().replace(struct.pack("<IQ", 24, 0), struct.pack("<IQ", 999, 0))
    path.write_bytes(numbered)
    with pytest.raises(UnsupportedModel, match="number format 999"):
        GgufCheckpoint(path)
