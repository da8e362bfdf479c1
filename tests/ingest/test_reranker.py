"""A cross-encoder from a local folder has the last word on the order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingest.errors import ModelError
from ingest.reranker import Reranker

# Made in a process of its own: importing PyTorch warns about things that are not ours.
MAKE = """
import sys, torch
from pathlib import Path
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast
folder = Path(sys.argv[1])
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "law", "dog", "norway"]
(folder / "vocab.txt").write_text("\\n".join(words))
BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
torch.manual_seed(1)
config = BertConfig(vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=16, num_labels=1, max_position_embeddings=32)
BertForSequenceClassification(config).save_pretrained(folder)
"""
USE = """
import sys
from pathlib import Path
from ingest.reranker import Reranker
reranker = Reranker(Path(sys.argv[1]))
first = reranker.score("law", ["dog", "law norway"])
assert len(first) == 2 and first[0] != first[1]
assert reranker.score("law", ["law norway", "dog"]) == first[::-1]
assert reranker.score("law", []) == []
"""


def run(script: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(folder)], check=True)


def test_a_local_cross_encoder_scores_pairs(tmp_path: Path) -> None:
    run(MAKE, tmp_path)
    run(USE, tmp_path)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="safetensors"):
        Reranker(tmp_path)
