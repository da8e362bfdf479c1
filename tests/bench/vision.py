"""Speed and memory of seeing one page, with the full-size E2B tower on synthetic weights.

``python -m tests.bench.vision [--budgets 70,280] [--width 16] [--runs 3] [--ask] [--json]`` encodes
a drawn A4 page of 200 dots an inch, each budget in a process of its own. ``decode_seconds`` is from
the file's bytes to pixels that fit, ``encode_seconds`` from there to soft tokens (median);
``again_seconds`` is the same page asked for once more, from the store. ``peak_mib`` is the most
anonymous memory beyond what the process held with the tower loaded; ``planned_mib`` what the plan
counts for it. ``error`` is how far soft tokens are from those of fp32 weights: relative, root mean
square. The tower is shrunk to ``--layers`` for a quick try.

``--ask`` reads the page with a question, and then with another question, through a session over the
whole E2B on synthetic weights: how many towers ran, what was reused, and how long reading took.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageDraw

from engine.images import Grid, read_image
from engine.media import Media
from engine.media_config import BUDGETS, MediaConfig, read_media
from engine.media_sizes import media_workspace
from engine.native import claim_threads, kernels
from engine.options import Image, Options, PromptRead
from engine.packed_notes import TOWERS, PackedNotes, notes_text
from engine.prompt import Prompt
from engine.safetensors_file import Writer
from engine.soft_store import MemoryStore
from engine.tower_tensors import TowerTensors
from engine.towers import Towers
from engine.widths import Widths
from tests.bench.common import parser_for, prompt_ids, report
from tests.bench.kv_memory import MIB, AnonymousWatch, anonymous
from tests.bench.shapes import COMMON, SHAPES, shape_config, synthetic

BEGIN, SOFT, END = 255_999, 258_880, 258_882


def page() -> bytes:
    """A PNG of an A4 page with lines of something like text."""
    import io

    random = np.random.default_rng(0)
    image = Pillow.new("L", (1654, 2339), 255)
    draw = ImageDraw.Draw(image)
    for top in range(150, 2200, 42):
        left = 150
        while left < 1450:
            width = int(random.integers(20, 140))
            draw.rectangle((left, top, left + width, top + 22), outline=0, width=3)
            left += width + 14
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def write_towers(folder: Path, vision_settings: dict[str, Any]) -> None:
    """A packed folder of E2B's shape that holds only its eyes: random bf16.

    ``vision_settings`` are those of ``Gemma4VisionConfig`` that differ from E2B's.
    """
    from transformers.models.gemma4.configuration_gemma4 import Gemma4VisionConfig
    from transformers.models.gemma4.modeling_gemma4 import Gemma4VisionModel

    vision = Gemma4VisionConfig(**vision_settings)
    text = {**COMMON, **SHAPES["e2b"]}
    settings = {
        "model_type": "gemma4",
        "text_config": text,
        "vision_config": vision.to_dict(),
    }
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "muniment.json").write_text(notes_text(PackedNotes(Widths(4, 8), "synthetic")))
    with torch.device("meta"):
        state = Gemma4VisionModel(vision).state_dict()
    shapes = {f"model.vision_tower.{name}": tuple(t.shape) for name, t in state.items()}
    shapes["model.embed_vision.embedding_projection.weight"] = (
        text["hidden_size"],
        vision.hidden_size,
    )
    torch.manual_seed(0)
    with Writer(folder / TOWERS, 400 * len(shapes), {}) as writer:
        for name, shape in shapes.items():
            tensor = torch.randn(shape) * shape[-1] ** -0.5 if len(shape) > 1 else torch.ones(shape)
            raw = tensor.bfloat16().contiguous().view(-1).view(torch.uint8).numpy().data
            writer.add(name, "BF16", shape, iter([raw]))
        writer.finish()


def media_of(folder: Path) -> MediaConfig:
    found = read_media(folder)
    assert found is not None
    return found


def encode(folder: Path, budget: int, options: argparse.Namespace) -> dict[str, Any]:
    """One budget, in this process."""
    claim_threads()
    config, tensors = media_of(folder), TowerTensors(folder)
    assert config.vision is not None
    grid = Grid(config.vision.patch, config.vision.pool)
    towers = Towers(config, tensors, options.width, torch.device("cpu"))
    start = time.perf_counter()
    towers.see(np.zeros((48, 48, 3), np.uint8))
    loading = time.perf_counter() - start
    file, held, times = page(), anonymous(), []
    with AnonymousWatch() as watch:
        start = time.perf_counter()
        pixels = read_image(file, budget, grid, "The page")
        decoding = time.perf_counter() - start
        for _ in range(options.runs):
            start = time.perf_counter()
            soft = towers.see(pixels)
            times.append(time.perf_counter() - start)
    store = MemoryStore()
    media = Media(folder, config, tensors, options.width, store)
    media._towers = towers
    spans = []
    for _ in range(2):
        prompt = media.prompt([2, SOFT, 1], [Image(file, budget)], 4096)
        start = time.perf_counter()
        assert prompt.soft is not None
        prompt.soft(prompt.spans[0])
        spans.append(time.perf_counter() - start)
    native = kernels()
    result = {
        "budget": budget,
        "soft_tokens": len(soft),
        "pixels": f"{pixels.shape[1]} x {pixels.shape[0]}",
        "kernels": native.name if native else "none",
        "load_seconds": round(loading, 2),
        "decode_seconds": round(decoding, 3),
        "encode_seconds": round(statistics.median(times), 2),
        "again_seconds": round(spans[1], 4),
        "peak_mib": (watch.peak - held) // MIB,
        "planned_mib": media_workspace(config, budget) // MIB,
        "soft_mib": round(soft.nbytes / MIB, 1),
    }
    if options.width != 32 and budget == min(BUDGETS):
        exact = Towers(config, tensors, 32, torch.device("cpu")).see(pixels)
        result["error"] = round(float((soft - exact).norm() / exact.norm()), 5)
    return result


def ask(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Two questions about the same page, through a session."""
    from engine.cache import KVCache
    from engine.decoder import Decoder
    from engine.session import Session

    claim_threads()
    config = shape_config("e2b")
    decoder = Decoder(config, synthetic(config))
    session = Session(decoder, KVCache(config, 4096, 512), None)
    seeing = media_of(folder)
    media = Media(folder, seeing, TowerTensors(folder), options.width, MemoryStore())
    encoded = 0
    see = Towers.see

    def counted(self: Towers, pixels: Any) -> torch.Tensor:
        nonlocal encoded
        encoded += 1
        return see(self, pixels)

    Towers.see = counted  # type: ignore[method-assign]
    file, words = page(), prompt_ids(200, config.vocabulary)
    result: dict[str, Any] = {}
    for name, question in (("first", words[:40]), ("second", words[40:80]), ("later", words[80:])):
        if name == "later":
            # Another conversation has been read meanwhile; only the store still knows the page.
            list(session.generate(words[:100], Options(max_tokens=1)))
        start = time.perf_counter()
        prompt: Prompt = media.prompt([2, SOFT, *question], [Image(file, 280)], 4096)
        events = list(session.generate(prompt, Options(max_tokens=1)))
        read = next(event for event in events if isinstance(event, PromptRead))
        result |= {
            f"{name}_seconds": round(time.perf_counter() - start, 2),
            f"{name}_reused": read.reused,
            f"{name}_encodings_so_far": encoded,
        }
    return result


def main() -> None:
    """Encodes, each budget in a process of its own, and prints what that took."""
    parser = parser_for("vision", __doc__ or "")
    parser.add_argument("--budgets", default=",".join(map(str, BUDGETS)))
    parser.add_argument("--width", type=int, choices=(8, 16, 32), default=16)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--ask", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder, what = Path(options.child[0]), options.child[1]
        done = ask(folder, options) if what == "ask" else encode(folder, int(what), options)
        print(json.dumps(done))
        return
    with tempfile.TemporaryDirectory() as folder_name:
        write_towers(Path(folder_name), {"num_hidden_layers": options.layers})
        for what in ["ask"] if options.ask else options.budgets.split(","):
            command = [sys.executable, "-m", "tests.bench.vision", *sys.argv[1:]]
            command += ["--child", folder_name, what]
            # As in the engine's own process.
            settings = {**os.environ, "OMP_WAIT_POLICY": "passive"}
            child = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True, env=settings
            )
            report("vision", json.loads(child.stdout.splitlines()[-1]), options.json)


if __name__ == "__main__":
    main()
