"""The 8-bit graph gives the vectors of the model it was made from."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ingest.embedder import Embedder, default_folder, open_embedder
from ingest.errors import ModelError

TEXTS = [
    "Metformin was reduced to 500 mg twice a day.",
    "The lease ends on 31 December 2032, unless it is renewed in writing by both parties.",
    "word " * 600,
    "å",
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder(threads=1)


def test_vectors_are_close_to_the_reference(embedder: Embedder) -> None:
    # In a process of its own: importing PyTorch warns about things that are not ours.
    script = (
        "import sys, json, numpy as np\n"
        "from sentence_transformers import SentenceTransformer\n"
        "model = SentenceTransformer(sys.argv[1], device='cpu')\n"
        "vectors = model.encode(json.loads(sys.argv[2]), normalize_embeddings=True)\n"
        "print(json.dumps(vectors.tolist()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(default_folder()), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        check=True,
    )
    reference = np.array(json.loads(run.stdout.splitlines()[-1]), np.float32)
    vectors = embedder.embed(TEXTS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-4)
    assert (vectors * reference).sum(axis=1).min() > 0.97


def test_a_text_has_one_vector_whatever_is_beside_it(embedder: Embedder) -> None:
    assert np.array_equal(embedder.embed([TEXTS[0]])[0], embedder.embed(TEXTS)[0])


def test_progress_reaches_the_end(embedder: Embedder) -> None:
    seen: list[tuple[int, int]] = []
    embedder.embed(TEXTS, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(TEXTS), len(TEXTS))
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_tokens_are_the_models(embedder: Embedder) -> None:
    assert embedder.count_tokens(["hello world", ""]) == [2, 0]
    assert embedder.window == 254


def test_embedding_loads_no_pytorch() -> None:
    script = (
        "import sys\nfrom ingest.embedder import open_embedder\n"
        "open_embedder().embed(['a'])\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", None),
        ("model.safetensors", b""),
        ("model.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00not json at all!"),
        ("config.json", b"{"),
        ("config.json", b"{}"),
        ("tokenizer.json", b"{}"),
        ("modules.json", None),
    ],
)
def test_a_damaged_folder_is_told(tmp_path: Path, name: str, content: bytes | None) -> None:
    folder = tmp_path / "a-model"
    shutil.copytree(default_folder(), folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        open_embedder(folder)
    assert str(folder) in str(caught.value)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        open_embedder(tmp_path / "none")
