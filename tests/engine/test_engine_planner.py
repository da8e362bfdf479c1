"""What a model takes, said before it is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from tiny import VARIANTS, tiny_model, write_tiny
from tiny_gguf import write_gguf

from engine import memory
from engine.cache import KVCache
from engine.checkpoint import Checkpoint
from engine.config import parse_config, read_config
from engine.errors import DamagedModel, MemoryExceeded, PromptTooLong
from engine.gguf_config import gguf_config
from engine.gguf_file import GgufCheckpoint
from engine.matrix import Joined, Matrix, Table
from engine.packer import pack_folder
from engine.planner import Plan, plan
from engine.sizes import CHUNK, cache_bytes, weight_bytes, weight_numbers
from engine.tensors import gather
from engine.widths import Width, Widths

GB = 10**9
ALTERNATING = {
    n: ["full_attention" if (i + 1) % n == 0 else "sliding_attention" for i in range(60)]
    for n in (5, 6)
}
SHAPES = {
    "e2b": {
        "hidden_size": 1536,
        "intermediate_size": 6144,
        "num_hidden_layers": 35,
        "layer_types": ALTERNATING[5][:35],
        "num_attention_heads": 8,
        "num_key_value_heads": 1,
        "num_kv_shared_layers": 20,
        "use_double_wide_mlp": True,
        "hidden_size_per_layer_input": 256,
        "sliding_window": 512,
    },
    "31b": {
        "hidden_size": 5376,
        "intermediate_size": 21_504,
        "num_hidden_layers": 60,
        "layer_types": ALTERNATING[6],
        "num_attention_heads": 32,
        "num_key_value_heads": 16,
        "num_global_key_value_heads": 4,
        "attention_k_eq_v": True,
        "sliding_window": 1024,
    },
}


def published(folder: Path, shape: str) -> Path:
    """A folder with the configuration of a published model; its weights are not looked at."""
    config = {
        "model_type": "gemma4_text",
        "vocab_size": 262_144,
        "head_dim": 256,
        "global_head_dim": 512,
        "max_position_embeddings": 131_072,
        **SHAPES[shape],
    }
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def held(part: object, seen: set[int]) -> int:
    """Bytes of all tensors and matrices of a part of the weights, each once."""
    if id(part) in seen or isinstance(part, Table):
        return 0
    seen.add(id(part))
    if isinstance(part, torch.Tensor | Matrix | Joined):
        return part.nbytes
    if isinstance(part, list):
        return sum(held(one, seen) for one in part)
    return sum(held(one, seen) for one in getattr(part, "__dict__", {}).values())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("width", [4, 8, 16, 32])
def test_the_plan_counts_the_bytes_that_loading_takes(
    tmp_path: Path, variant: str, width: Width
) -> None:
    reference = write_tiny(tmp_path / "m", variant)
    config, widths = read_config(tmp_path / "m"), Widths(width, width)
    weights = gather(config, Checkpoint(tmp_path / "m"), widths)
    assert sum(weight_bytes(config, widths).values()) == held(weights, set())
    tied = {id(p): p.numel() for p in reference.parameters()}
    assert sum(weight_numbers(config).values()) <= sum(tied.values())
    assert sum(weight_numbers(config).values()) >= 0.9 * sum(tied.values())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("context", [1, 100, 511, 513, 2000, 4096])
def test_the_plan_counts_the_bytes_of_the_cache(tmp_path: Path, variant: str, context: int) -> None:
    write_tiny(tmp_path / "m", variant)
    config = read_config(tmp_path / "m")
    cache = KVCache(config, context, min(CHUNK, context))
    assert cache_bytes(config, context) == cache.nbytes
    exact = KVCache(config, context, min(CHUNK, context), torch.float32)
    assert cache_bytes(config, context, 4) == exact.nbytes


def test_the_published_shapes_have_their_published_sizes() -> None:
    common = {"model_type": "gemma4_text", "vocab_size": 262_144, "head_dim": 256}
    small = weight_numbers(parse_config({**common, **SHAPES["e2b"]}))
    assert sum(small.values()) - small["table"] == pytest.approx(2.3e9, rel=0.05)
    assert small["table"] == 262_144 * 35 * 256
    large = weight_numbers(parse_config({**common, **SHAPES["31b"]}))
    assert sum(large.values()) == pytest.approx(31e9, rel=0.05)


def test_e2b_and_31b_keep_to_their_limits(tmp_path: Path) -> None:
    small = plan(published(tmp_path / "e2b", "e2b"), int(2.6 * GB), 8192)
    assert small.fits
    assert small.widths == Widths(4, 4)
    assert small.context == 8192
    assert small.table == 2 * 262_144 * 35 * 256
    assert small.needed < 2.6 * GB
    large = plan(published(tmp_path / "31b", "31b"), 20 * GB, 4096)
    assert large.fits
    assert large.weight_bytes < 17.5 * GB


def test_eight_bits_are_taken_where_they_fit_in_half_of_the_memory(tmp_path: Path) -> None:
    folder = published(tmp_path / "e2b", "e2b")
    assert plan(folder, 8 * GB, 8192).widths == Widths(8, 8)
    assert plan(folder, 6 * GB, 8192).widths == Widths(4, 4)
    assert plan(folder, 8 * GB, 8192, Widths(4, 8)).widths == Widths(4, 8)


def test_the_context_is_the_longest_that_fits(tmp_path: Path) -> None:
    folder = published(tmp_path / "31b", "31b")
    usual = plan(folder, 64 * GB)
    assert usual.context == usual.asked == 32_768
    assert plan(folder, 64 * GB, 131_072).context == 131_072
    tight = plan(folder, 20 * GB)
    assert tight.fits
    assert 2048 < tight.context < 32_768
    assert tight.context % 256 == 0
    longer = plan(folder, 64 * GB, tight.context + 256, Widths(4, 4))
    assert longer.needed > 20 * GB
    assert f"{tight.context:,} tokens of 32,768 asked for" in tight.summary()


def test_what_does_not_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    folder = published(tmp_path / "31b", "31b")
    refused = plan(folder, 8 * GB)
    assert not refused.fits
    assert refused.context == 2048
    with pytest.raises(MemoryExceeded) as caught:
        refused.check()
    assert caught.value.subject == str(folder)
    assert "8.00 GB" in caught.value.cause
    assert "17.27 GB of weights" in caught.value.cause
    assert "2,048 tokens" in caught.value.cause
    assert caught.value.remedy == "Close other programs or choose a smaller model."
    with pytest.raises(MemoryExceeded, match=r"Use 4 bits, close other programs or"):
        plan(folder, 30 * GB, widths=Widths(16, 16)).check()
    plan(folder, 24 * GB).check()


def test_a_context_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    folder = published(tmp_path / "e2b", "e2b")
    with pytest.raises(PromptTooLong, match=r"131,072 tokens, not of 131,073"):
        plan(folder, 8 * GB, 131_073)
    with pytest.raises(ValueError, match="0 tokens"):
        plan(folder, 8 * GB, 0)


def test_a_packed_folder_has_its_own_widths(tmp_path: Path) -> None:
    write_tiny(tmp_path / "m", "e2b")
    pack_folder(tmp_path / "m", tmp_path / "p", Widths(4, 8), lambda *_: None)
    planned = plan(tmp_path / "p", 8 * GB, widths=Widths(16, 16))
    assert planned.form == "packed"
    assert planned.widths == Widths(4, 8)
    assert planned.table == 500 * 320 * 34 // 32
    assert plan(tmp_path / "m", 8 * GB).form == "published"


@pytest.mark.parametrize("kind", [Kind.Q4_0, Kind.Q4_1, Kind.Q8_0, Kind.BF16], ids=lambda k: k.name)
@pytest.mark.parametrize("variant", ["gemma3", "e2b", "26b"])
def test_a_gguf_file_is_counted_as_it_is_loaded(tmp_path: Path, variant: str, kind: Kind) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(path, tiny_model(variant), kind)
    for widths in (Widths(4, 8), Widths(16, 16)):
        planned = plan(path, 8 * GB, widths=widths)
        assert planned.form == "gguf"
        weights = gather(gguf_config(path), GgufCheckpoint(path), widths)
        loaded = held(weights, {id(weights.table)})
        # Also counted: what scales the router's input, and what never becomes a weight.
        assert loaded <= planned.weight_bytes <= loaded + 20_000
        assert planned.table == (weights.table.nbytes if weights.table else 0)


def test_an_exact_cache_takes_twice_as_much(tmp_path: Path) -> None:
    folder = published(tmp_path / "e2b", "e2b")
    plain, exact = plan(folder, 8 * GB, 8192), plan(folder, 8 * GB, 8192, exact_cache=True)
    assert exact.cache == 2 * plain.cache
    assert plan(folder, 32 * GB, 8192, Widths(32, 32)).cache == exact.cache


def test_the_memory_there_is_counts_when_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.planner.available_memory", lambda: 5 * GB)
    planned: Plan = plan(published(tmp_path / "e2b", "e2b"))
    assert planned.memory == 5 * GB
    assert memory.available_memory() > 0


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedModel, match="There is no such model"):
        plan(tmp_path / "none", GB)


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    groups = tmp_path / "groups"
    mount = tmp_path / "cgroup"
    line, base, names = {
        1: ("4:cpu,memory:/box/job", mount / "memory", ("limit_in_bytes", "usage_in_bytes")),
        2: ("0::/box/job", mount, ("max", "current")),
    }[version]
    groups.write_text(f"7:pids:/other\n{line}\n")
    for folder, limit in (("box", "3000000"), ("box/job", "max" if version == 2 else str(1 << 62))):
        (base / folder).mkdir(parents=True)
        (base / folder / f"memory.{names[0]}").write_text(f"{limit}\n")
        (base / folder / f"memory.{names[1]}").write_text("2500000\n")
        stat = "anon 1\ninactive_file 200000\nactive_file 100000\n"
        (base / folder / "memory.stat").write_text(stat)
    monkeypatch.setattr(memory, "_GROUPS", groups)
    monkeypatch.setattr(memory, "_MOUNT", mount)
    assert memory.available_memory() == 800_000


def test_planning_loads_no_torch(tmp_path: Path) -> None:
    folder = published(tmp_path / "e2b", "e2b")
    program = (
        "import sys; from pathlib import Path; from engine.planner import plan; "
        "plan(Path(sys.argv[1]), 8 * 10**9).summary(); sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", program, str(folder)], cwd=root).returncode == 0
