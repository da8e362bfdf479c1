"""The packed form: the same weights, mapped; written whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import VARIANTS, VOCABULARY, write_tiny
from tiny_zeros import write_zeros

from engine.cache import KVCache
from engine.checkpoint import Checkpoint
from engine.config import read_config
from engine.decoder import Decoder
from engine.decoder_weights import DecoderWeights
from engine.matrix import Joined, Matrix
from engine.native import kernels
from engine.packed import PackedModel, is_packed
from engine.packed_notes import TOWERS, WEIGHTS, read_notes
from engine.packer import pack_folder
from engine.packing import pack, pack_table, packed_shapes, quantize4, quantize8
from engine.tensors import Widths, gather, matrices
from engine.widths import Width


def quiet(_name: str, _done: int, _total: int) -> None:
    """Hears of progress."""


def packed(tmp_path: Path, variant: str, width: Width = 4) -> tuple[Path, Path]:
    """A tiny model and the same packed."""
    source, destination = tmp_path / "source", tmp_path / "packed"
    write_tiny(source, variant)
    pack_folder(source, destination, Widths(width, width), quiet)
    return source, destination


def logits(folder: Path, weights: DecoderWeights) -> torch.Tensor:
    config = read_config(folder)
    ids = torch.arange(20) * 7 % VOCABULARY
    return Decoder(config, weights).forward(ids, KVCache(config, 64, 32), 20)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("width", [4, 8, 16])
def test_the_packed_folder_holds_the_weights_that_loading_packs(
    tmp_path: Path, variant: str, width: Width
) -> None:
    source, folder = packed(tmp_path, variant, width)
    config, widths = read_config(source), Widths(width, width)
    assert read_config(folder) == config
    loaded = gather(config, Checkpoint(source), widths)
    opened = gather(config, PackedModel(folder), widths)
    for one, other in zip(matrices(loaded), matrices(opened), strict=True):
        assert isinstance(one, Matrix) and isinstance(other, Matrix)
        assert other.width == width
        assert torch.equal(one.data, other.data)
        assert (one.scales is None) == (other.scales is None)
        if one.scales is not None and other.scales is not None:
            assert torch.equal(one.scales, other.scales)
    if loaded.table is None:
        assert torch.equal(logits(source, loaded), logits(folder, opened))
    else:
        # The table is rounded in the packed form only.
        assert opened.table is not None
        every, columns = torch.arange(VOCABULARY), 32 * len(config.layers)
        exact = loaded.table.rows(every, 0, columns)
        error = (opened.table.rows(every, 0, columns) - exact).abs().max()
        assert error <= exact.abs().max() / 200


def test_opening_copies_nothing(tmp_path: Path) -> None:
    _, folder = packed(tmp_path, "26b")
    model = PackedModel(folder)
    weights = gather(read_config(folder), model, Widths())
    first = model._bytes.data_ptr()
    size = (folder / WEIGHTS).stat().st_size
    for matrix in matrices(weights):
        assert isinstance(matrix, Matrix) and matrix.scales is not None
        for part in (matrix.data, matrix.scales):
            assert first <= part.data_ptr() <= first + size - part.nbytes
            assert (part.data_ptr() - first) % 64 == 0


def test_other_programs_can_read_the_file(tmp_path: Path) -> None:
    _, folder = packed(tmp_path, "e2b")
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        assert set(PackedModel(folder)._entries) <= set(file.keys())
        qkv = file.get_tensor("layers.0.qkv.data")
    model = PackedModel(folder)
    assert torch.equal(qkv, model._tensor("layers.0.qkv.data"))


def test_the_folder_has_everything_and_says_what_it_is(tmp_path: Path) -> None:
    source = tmp_path / "Model-it"
    write_tiny(source, "e2b")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "LICENSE"):
        (source / name).write_text("{}", encoding="utf-8")
    pack_folder(source, tmp_path / "packed", Widths(8, 4), quiet)
    assert sorted(path.name for path in (tmp_path / "packed").iterdir()) == [
        "LICENSE",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "muniment.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert is_packed(tmp_path / "packed") and not is_packed(source)
    notes = read_notes(tmp_path / "packed")
    assert notes.source == "Model-it"
    assert notes.widths == Widths(8, 4)
    weights = gather(read_config(source), PackedModel(tmp_path / "packed"), Widths())
    assert isinstance(weights.layers[0].qkv, Matrix)
    assert (weights.layers[0].qkv.width, weights.embedding.width) == (8, 4)


def test_towers_are_copied_as_they_are(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tiny(source, "12b")
    (source / "model.safetensors.index.json").unlink()
    towers = {
        "model.vision_tower.layer.weight": torch.randn(5, 3).bfloat16(),
        "model.embed_audio.weight": torch.randn(7).bfloat16(),
    }
    for path in source.glob("*.safetensors"):
        tensors = {
            name.replace("model.", "model.language_model.", 1): tensor
            for name, tensor in load_file(path).items()
        }
        save_file(tensors, path)
    save_file(towers, source / "towers-of-the-model.safetensors")
    pack_folder(source, tmp_path / "packed", Widths(), quiet)
    copied = load_file(tmp_path / "packed" / TOWERS)
    kept = {name: tensor for name, tensor in copied.items() if not name.startswith("padding.")}
    assert set(kept) == set(towers)
    assert all(torch.equal(kept[name], towers[name]) for name in towers)


def test_matrices_that_cannot_be_joined_stay_apart(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tiny(source, "gemma3")
    # Heads of 8 channels: the single key head does not fill a panel.
    config = json.loads((source / "config.json").read_text())
    config["head_dim"] = 8
    (source / "config.json").write_text(json.dumps(config))
    for path in source.glob("*.safetensors"):
        tensors = load_file(path)
        for name, tensor in tensors.items():
            if any(f"{part}_proj" in name for part in "qkv"):
                tensors[name] = tensor[: tensor.shape[0] // 2].contiguous()
            elif "o_proj" in name:
                tensors[name] = tensor[:, : tensor.shape[1] // 2].contiguous()
            elif "q_norm" in name or "k_norm" in name:
                tensors[name] = tensor[:8].clone()
        save_file(tensors, path)
    pack_folder(source, tmp_path / "packed", Widths(8, 8), quiet)
    one = gather(read_config(source), Checkpoint(source), Widths(8, 8)).layers[1].qkv
    other = gather(read_config(source), PackedModel(tmp_path / "packed"), Widths()).layers[1].qkv
    assert isinstance(one, Joined) and isinstance(other, Joined)
    x = torch.randn(3, 64)
    assert torch.equal(one(x), other(x))


def test_progress_counts_every_number_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tiny(source, "e2b")
    heard: list[tuple[str, int, int]] = []
    pack_folder(source, tmp_path / "packed", Widths(), lambda *event: heard.append(event))
    done = [event[1] for event in heard]
    assert done == sorted(done)
    assert done[0] == 0
    assert heard[-1][1] == heard[-1][2]
    assert {"embed_tokens", "layers.3.gate_up", "embed_tokens_per_layer"} <= {h[0] for h in heard}


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tiny(source, "e2b")

    def interrupt(name: str, _done: int, _total: int) -> None:
        if name == "layers.2.down":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_folder(source, tmp_path / "packed", Widths(), interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_what_a_killed_packing_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".packed.partial"
    left.mkdir()
    (left / "old").write_text("x")
    _, folder = packed(tmp_path, "gemma3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "source"]
    assert not (folder / "old").exists()


PEAK = """
import resource, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from engine.packer import pack_folder
from engine.widths import Widths
small, large, into = map(Path, sys.argv[1:])
pack_folder(small, into / "small", Widths(), lambda *_: None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pack_folder(large, into / "large", Widths(), lambda *_: None)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_packing_takes_the_memory_of_the_largest_matrix(tmp_path: Path) -> None:
    write_tiny(tmp_path / "small", "gemma3")
    write_zeros(tmp_path / "large")
    (tmp_path / "packed").mkdir()
    result = subprocess.run(
        [sys.executable, "-c", PEAK, *(str(tmp_path / n) for n in ("small", "large", "packed"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    # The largest packed matrix, the embedding, has 75 MB.
    assert int(result.stdout) < 150


@pytest.mark.skipif(kernels() is None, reason="the kernels are not built")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("width", [4, 8])
def test_the_kernels_round_as_well_as_torch(
    dtype: torch.dtype, width: Width, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    weight = torch.randn(100, 256) * torch.rand(100, 1).exp2()
    weight[3], weight[5, 40:90], weight[7] = 0, 0, weight[7] * 1e-6
    weight = weight.to(dtype)
    fast = pack(weight, width)
    monkeypatch.setattr("engine.packing.kernels", lambda: None)
    slow = pack(weight, width)
    assert fast.scales is not None and slow.scales is not None
    assert {name: (tuple(part.shape), part.dtype) for name, part in vars(fast).items()
            if isinstance(part, torch.Tensor)} == packed_shapes(100, 256, width)  # fmt: skip

    def error(matrix: Matrix) -> torch.Tensor:
        return (matrix.dense() - weight.float()).square().sum()

    torch.testing.assert_close(error(fast), error(slow), rtol=1e-4, atol=0)
    # Where two roundings are equally good, a last bit decides.
    assert (fast.data != slow.data).float().mean() < 0.01


@pytest.mark.skipif(kernels() is None, reason="the kernels are not built")
def test_the_kernels_round_tables_as_torch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    weight = torch.randn(50, 96).bfloat16()
    fast = pack_table(weight)
    monkeypatch.setattr("engine.packing.kernels", lambda: None)
    slow = pack_table(weight)
    assert fast.scales is not None and slow.scales is not None
    assert torch.equal(fast.scales, slow.scales)
    assert (fast.data.int() - slow.data.int()).abs().max() <= 1


@pytest.mark.parametrize(("quantize", "steps"), [(quantize4, 8), (quantize8, 127)])
def test_rounding_is_as_close_as_its_step(
    quantize: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]], steps: int
) -> None:
    torch.manual_seed(0)
    weight = torch.randn(32, 64)
    q, scales = quantize(weight)
    zero = 8 if steps == 8 else 0
    back = ((q.float() - zero).view(32, 2, 32) * scales.float().unsqueeze(-1)).view(32, 64)
    step = weight.view(32, 2, 32).abs().amax(-1, keepdim=True) / steps
    off = (back - weight).view(32, 2, 32).square().mean(-1, keepdim=True).sqrt()
    assert (off < step * 0.5).all()
