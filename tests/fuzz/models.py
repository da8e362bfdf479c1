"""Files of models and recordings: what is read of them before anything is trusted."""

from __future__ import annotations

import io
import json
import struct
import wave

from engine.audio import read_audio
from engine.config import read_config
from engine.errors import BadMedia, ModelError
from engine.gguf_config import gguf_config
from engine.gguf_reader import GgufReader
from engine.media_config import AudioConfig, Marks
from engine.packed_notes import NOTES, PackedNotes, notes_text, read_notes
from engine.safetensors_file import SafetensorsFolder, read_header
from engine.widths import Widths
from tests.fuzz.folder import own_folder
from tests.fuzz.target import Target


def _wav(data: bytes) -> None:
    samples = read_audio(data, _HEARS, "a recording")
    assert samples.size <= _HEARS.seconds * 16_000
    assert not samples.size or abs(samples).max() <= 1.0


_HEARS = AudioConfig({}, Marks(1, 2, 3), {}, most_tokens=750, token_ms=40)


def _wav_seeds() -> list[bytes]:
    made = []
    for width in (1, 2, 3, 4):
        written = io.BytesIO()
        with wave.open(written, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(width)
            file.setframerate(16_000)
            file.writeframes(bytes(12))
        made.append(written.getvalue())
    return made


def _safetensors(data: bytes) -> None:
    """Every tensor lies within its file."""
    folder = own_folder()
    path = folder / "model.safetensors"
    path.write_bytes(data)
    entries, _ = read_header(path)
    for entry in entries.values():
        assert 8 <= entry.first <= entry.first + entry.nbytes <= len(data)
    assert SafetensorsFolder(folder).entries == entries


def _safetensors_seeds() -> list[bytes]:
    header = {
        "__metadata__": {"format": "pt"},
        "a.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]},
    }
    text = json.dumps(header).encode()
    return [struct.pack("<Q", len(text)) + text + bytes(22)]


def _gguf(data: bytes) -> None:
    """Every tensor lies within its file; settings are read, and the configuration made."""
    path = own_folder() / "model.gguf"
    path.write_bytes(data)
    reader = GgufReader(path)
    for tensor in reader.tensors.values():
        assert tensor.first >= 0 and tensor.first + tensor.nbytes <= len(data)
        tensor.read(0, 1)
    gguf_config(path, reader)


def _gguf_seeds() -> list[bytes]:
    import gguf
    import numpy as np

    path = own_folder() / "seed.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_block_count(2)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_key_length(16)
    writer.add_value_length(16)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(16)
    writer.add_token_list(["<pad>", "<eos>", "a", "b"])
    writer.add_token_types([3, 3, 1, 1])
    writer.add_eos_token_id(1)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.add_tensor("blk.0.ffn_down.weight", np.zeros((1, 32), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return [path.read_bytes()]


def _notes(data: bytes) -> None:
    """A packed model's notes, and a model's configuration."""
    folder = own_folder()
    kind, text = data[:1], data[1:]
    if kind == b"n":
        (folder / NOTES).write_bytes(text)
        read_notes(folder)
    else:
        (folder / "config.json").write_bytes(text)
        read_config(folder)


def _notes_seeds() -> list[bytes]:
    config = {
        "model_type": "gemma3_text", "vocab_size": 100, "hidden_size": 32, "head_dim": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "intermediate_size": 64, "sliding_window": 16, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "layer_types": ["sliding_attention", "full_attention"],
        "rope_theta": 1e6, "rope_local_base_freq": 1e4, "query_pre_attn_scalar": 16,
        "eos_token_id": [1], "hidden_activation": "gelu_pytorch_tanh",
    }  # fmt: skip
    gemma4 = config | {"model_type": "gemma4_text", "num_kv_shared_layers": 1}
    notes = notes_text(PackedNotes(Widths(4, 4), "gemma"))
    return [
        b"n" + notes.encode(),
        b"c" + json.dumps(config).encode(),
        b"c" + json.dumps({"model_type": "gemma4", "text_config": gemma4}).encode(),
    ]


TARGETS = {
    "wav": Target(_wav, (BadMedia,), _wav_seeds),
    "safetensors": Target(_safetensors, (ModelError,), _safetensors_seeds),
    "gguf": Target(_gguf, (ModelError,), _gguf_seeds),
    "notes": Target(_notes, (ModelError,), _notes_seeds),
}
