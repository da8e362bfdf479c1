"""A model for pictures and words from a local folder: what serves, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.embedder import default_folder
from tests.tiny_clip import make_clip

# In a process of its own, as importing PyTorch warns about things that are not ours; with the
# program's switches and its refusal of sockets.
_BEGIN = """
from app.core import offline
offline.enforce()
import sys
from pathlib import Path
import numpy as np
from ingest.errors import ModelError
from ingest.image_embedder import open_image_embedder
"""
_USE = """
model = open_image_embedder(Path(sys.argv[1]))
chance = np.random.default_rng(0)
photo = chance.integers(0, 255, (20, 90, 3), dtype=np.uint8)
seen = model.embed_images([photo, np.zeros((7, 1, 3), np.uint8), photo])
read = model.embed_words(["a chart", "word " * 300, "", sys.argv[2], "https://a.example/b.png"])
assert seen.shape == (3, 16) == (3, model.dimension) and read.shape == (5, 16)
assert seen.dtype == np.float32
for vectors in (seen, read):
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
assert np.allclose(seen[0], seen[2], atol=1e-5) and not np.allclose(seen[0], seen[1], atol=1e-2)
assert len(model.embed_images([])) == 0
# All of a broad picture is seen: what stands at its left end tells.
marked = photo.copy()
marked[:, :12] = 0
assert not np.allclose(model.embed_images([marked])[0], seen[0], atol=1e-4)
# The path of a picture is a text like any other.
from PIL import Image
with Image.open(sys.argv[2]) as opened:
    as_picture = model.embed_images([np.asarray(opened.convert("RGB"))])[0]
assert not np.allclose(as_picture, read[3], atol=1e-2)
print(model.model)
"""
_REFUSED = """
for folder in sys.argv[1:]:
    try:
        open_image_embedder(Path(folder))
    except ModelError as error:
        assert error.subject == folder and "sentence-transformers" in error.remedy
        print(error.cause)
"""


def run(script: str, *arguments: str | Path) -> list[str]:
    """The lines that a process prints; it must end well and say nothing else."""
    command = [sys.executable, "-W", "ignore", "-c", _BEGIN + script, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return result.stdout.splitlines()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


def test_pictures_and_words_become_vectors_of_one_space(clip: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    # As sentence-transformers used to save it: the model in a folder of its own.
    saved = tmp_path / "saved"
    shutil.copytree(clip, saved / "0_CLIPModel")
    kind = "sentence_transformers.models.CLIPModel"
    modules = [{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": kind}]
    (saved / "modules.json").write_text(json.dumps(modules))
    (name,) = run(_USE, clip, tmp_path / "red.png")
    assert name.startswith("tiny-clip-")
    (other,) = run(_USE, saved, tmp_path / "red.png")
    assert other.startswith("saved-")


def test_what_is_no_such_model_is_refused_with_the_reason(clip: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(clip, tmp_path / name))

    pickled = copy("pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    cut = copy("cut")
    (cut / "model.safetensors").write_bytes((clip / "model.safetensors").read_bytes()[:5000])
    blind = copy("blind")
    (blind / "processor_config.json").unlink()
    foreign = copy("foreign")
    module = {"idx": 0, "name": "0", "path": "", "type": "own.Module"}
    (foreign / "modules.json").write_text(json.dumps([module]))
    (foreign / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    halved = copy("halved")
    shorten(halved / "model.safetensors")
    folders = (tmp_path / "gone", pickled, cut, blind, foreign, halved, default_folder())
    causes = run(_REFUSED, *folders)
    assert len(causes) == len(folders)
    for cause, part in zip(
        causes,
        (
            "no such folder",
            "pickled",
            "cannot load it",
            "image processor",
            "own.Module",
            "lack parts",
            "does not embed pictures",
        ),
        strict=True,
    ):
        assert part in cause and "http" not in cause
    assert not (tmp_path / "ran").exists(), "no code of the folder is run"


def shorten(weights: Path) -> None:
    """Takes one layer's weights out of a file."""
    from safetensors.numpy import load_file, save_file

    kept = {k: v for k, v in load_file(weights).items() if "vision_model.encoder.layers.1" not in k}
    save_file(kept, weights, metadata={"format": "pt"})
