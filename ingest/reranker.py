"""A second opinion on the best chunks: a cross-encoder reads question and chunk together.

Optional: none comes with the program. Any sentence-transformers cross-encoder in a local folder
serves. Slower than search by a hundred times, so it looks at a few dozen chunks only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.errors import ModelError


class Reranker:
    """A cross-encoder on the CPU."""

    def __init__(self, folder: Path) -> None:
        """Loads the model in ``folder``.

        Raises:
            ModelError: the folder is missing, incomplete, or holds pickled weights only.
        """
        if not (folder / "model.safetensors").is_file():
            raise ModelError(
                str(folder),
                "It holds no model.safetensors; pickled weights are not opened.",
                "Choose the folder of a sentence-transformers cross-encoder.",
            )
        # Loading PyTorch takes seconds, and only this needs it.
        from sentence_transformers import CrossEncoder

        try:
            self._model: Any = CrossEncoder(
                str(folder), device="cpu", local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(
                str(folder),
                f"The reranker cannot be loaded ({error}).",
                "Choose the folder of a sentence-transformers cross-encoder.",
            ) from error

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question; higher is better, the size means nothing."""
        if not texts:
            return []
        pairs = [(question, text) for text in texts]
        scores = self._model.predict(pairs, batch_size=16, show_progress_bar=False)
        return [float(score) for score in scores]
