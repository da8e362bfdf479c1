"""Start and memory: a full-size packed E2B folder opened by a fresh process, to its first token.

``python -m tests.bench.start [--shape e2b] [--context 8192] [--runs 5] [--keep FOLDER] [--json]``.
The weights are zeros in a file that takes no room before it is packed; the tokenizer is Gemma 3's,
from the test package. Memory is the process's peak less what it mapped of the per-layer table.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.common import parser_for, report
from tests.bench.shapes import COMMON, SHAPES
from tests.zeros import write_zero_tensors

CHILD = """
import json, resource, sys, time
from engine.model import load
from engine.options import Options, Written
model = load(sys.argv[1], context=int(sys.argv[2]))
ready = time.time()
prompt = [(37 * i) % 200000 + 1000 for i in range(32)]
for event in model.generate(prompt, Options(max_tokens=1)):
    if isinstance(event, Written):
        break
first = time.time()
if sys.argv[3:]:
    long = [(37 * i) % 200000 + 1000 for i in range(int(sys.argv[2]) - 64)]
    list(model.generate(long, Options(max_tokens=16)))
kinds = {}
for line in open("/proc/self/status"):
    name, value = line.split(":", 1)
    if name in ("VmHWM", "RssAnon", "RssFile"):
        kinds[name] = int(value.split()[0]) // 1024
print(json.dumps({"ready": ready, "first": first, **kinds}))
"""


def write_published(folder: Path, shape: str) -> None:
    """A checkpoint of that shape, of zeros that take no room."""
    import torch
    from transformers import Gemma4ForCausalLM, Gemma4TextConfig

    from engine.gguf_file import gguf_tokenizer
    from tests.bench.perplexity import gemma3_270m

    settings = {**COMMON, **SHAPES[shape]}
    settings.pop("model_type")
    config = Gemma4TextConfig(**settings)
    with torch.device("meta"):
        model = Gemma4ForCausalLM(config)
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    shapes.pop("lm_head.weight", None)
    config.save_pretrained(folder)
    write_zero_tensors(folder / "model.safetensors", shapes)
    with tempfile.TemporaryDirectory() as scratch:
        gguf_tokenizer(gemma3_270m(Path(scratch))).save(str(folder / "tokenizer.json"))


def run(folder: Path, context: int, *, whole: bool) -> dict[str, Any]:
    """Seconds from the start of a process to its first token, and its memory in MB."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    start = time.time()
    command = [sys.executable, "-c", CHILD, str(folder), str(context), *(["whole"] * whole)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        "opened_s": found["ready"] - start,
        "first_token_s": found["first"] - start,
        "peak_mb": found["VmHWM"],
        "anonymous_mb": found["RssAnon"],
        "mapped_mb": found["RssFile"],
    }


def main() -> None:
    """Packs once, opens often."""
    parser = parser_for("start", __doc__)
    parser.add_argument("--shape", default="e2b", choices=SHAPES)
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where the packed model is, or is to be left")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        packed = options.keep or Path(scratch, "packed")
        result: dict[str, Any] = {}
        if not packed.exists():
            from engine.packer import pack_folder
            from engine.widths import Widths

            published = Path(scratch, "published")
            published.mkdir()
            write_published(published, options.shape)
            start = time.perf_counter()
            pack_folder(published, packed, Widths(4, 4), lambda *_: None)
            result["packing_s"] = round(time.perf_counter() - start, 1)
        run(packed, options.context, whole=False)  # the file cache is warm from here on
        runs = [run(packed, options.context, whole=False) for _ in range(options.runs)]
        for name in ("opened_s", "first_token_s", "peak_mb"):
            result[name] = round(statistics.median(r[name] for r in runs), 2)
        result["after_reading_the_context"] = run(packed, options.context, whole=True)
    report("start", result, options.json)


if __name__ == "__main__":
    main()
