"""A tiny random model for pictures and words, as sentence-transformers and transformers save it.

Made in a process of its own: importing PyTorch warns about things that are not ours.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_MAKE = """
import json, sys, torch
from pathlib import Path
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor
from transformers import CLIPTokenizerFast
folder = Path(sys.argv[1])
signs = [chr(code) for code in range(33, 127)]
words = [*signs, *(f"{sign}</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
vocabulary = {word: n for n, word in enumerate(words)}
begin, end = len(words) - 2, len(words) - 1
tokenizer = CLIPTokenizerFast(
    vocab=vocabulary, merges=[], unk_token="<|endoftext|>", bos_token="<|startoftext|>",
    eos_token="<|endoftext|>", pad_token="<|endoftext|>",
)
shape = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
             projection_dim=16)
text = dict(shape, vocab_size=len(words), max_position_embeddings=77, bos_token_id=begin,
            eos_token_id=end, pad_token_id=end)
vision = dict(shape, image_size=32, patch_size=8)
torch.manual_seed(int(sys.argv[2]))
CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(
    folder)
pixels = CLIPImageProcessorPil(
    size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
CLIPProcessor(pixels, tokenizer).save_pretrained(folder)
"""


def make_clip(folder: Path, seed: int = 1) -> Path:
    """Writes such a model into ``folder``, which is made."""
    command = [sys.executable, "-W", "ignore", "-c", _MAKE, str(folder), str(seed)]
    subprocess.run(command, check=True, capture_output=True)
    return folder
