"""Images and audio of a prompt: read, checked and counted first, turned into soft tokens when
their place is reached, each once.

Ties files (:mod:`engine.images`, :mod:`engine.audio`), towers and the store together. Knows no
template and no decoder.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.audio import audio_tokens, read_audio
from engine.errors import BadMedia, EngineError, PromptTooLong, UnsupportedModel
from engine.fingerprint import fingerprint
from engine.images import Grid, read_image
from engine.media_config import Marks, MediaConfig, read_media
from engine.options import Audio, Image
from engine.placement import CPU
from engine.prompt import Prompt, Span
from engine.sizes import tower_width
from engine.soft_store import MemoryStore, SoftStore
from engine.tower_tensors import TowerTensors
from engine.towers import Towers
from engine.widths import Width, Widths

_Content = NDArray[np.uint8] | NDArray[np.float32]


class Media:
    """What a model sees and hears with. ``config`` is None where it only reads.

    ``refusal`` is raised for every image and audio, where there is no memory for the towers.
    """

    def __init__(
        self,
        path: Path,
        config: MediaConfig | None,
        tensors: TowerTensors,
        width: Width,
        store: SoftStore,
        device: torch.device = CPU,
        refusal: EngineError | None = None,
    ) -> None:
        self._path, self._config, self._store = path, config, store
        self._tensors, self._width, self._refusal = tensors, width, refusal
        self._towers = Towers(config, tensors, width, device) if config else None

    @property
    def image_budgets(self) -> tuple[int, ...]:
        """The usual one first; empty where the model does not see."""
        vision = self._config.vision if self._config else None
        return vision.budgets if vision and self._can("vision") else ()

    @property
    def audio_seconds(self) -> int:
        """The longest audio; 0 where the model does not hear."""
        audio = self._config.audio if self._config else None
        return audio.seconds if audio and self._can("audio") else 0

    def prompt(
        self,
        ids: Sequence[int],
        parts: Sequence[Image | Audio],
        context: int,
        owner: str = "",
    ) -> Prompt:
        """Token ids with one placeholder a part, as the template wrote them, made whole.

        ``owner`` is for whom soft tokens are kept; see :class:`engine.soft_store.SoftStore`.
        Reads and checks every part. Raises BadMedia; UnsupportedModel if the model, or its
        template, does not take such parts; PromptTooLong as soon as it is.
        """
        if not parts:
            return Prompt(list(ids))
        if self._refusal is not None:
            raise self._refusal
        self._check_kinds(parts)
        soft = {marks.soft for marks in (self._marks(part) for part in parts)}
        if [token for token in ids if token in soft] != [self._marks(p).soft for p in parts]:
            raise UnsupportedModel(
                str(self._path),
                "Its chat template does not place images and audio where the message has them.",
                "Copy the template of the published model beside the weights.",
            )
        whole: list[int] = []
        spans: list[Span] = []
        contents: dict[str, _Content] = {}
        left, waiting = len(ids), list(parts)
        _check_length(len(ids), context)
        for token in ids:
            left -= 1
            if token not in soft:
                whole.append(token)
                continue
            part = waiting.pop(0)
            marks = self._marks(part)
            what = f"{type(part).__name__} {len(spans) + 1} of the prompt"
            key, count, content = self._read(part, what)
            contents[key] = content
            both_ways = isinstance(part, Image) and self._sees_both_ways
            spans.append(Span(len(whole) + 1, count, key, both_ways))
            whole += [marks.begin, *[marks.soft] * count, marks.end]
            _check_length(len(whole) + left, context)
        return Prompt(whole, tuple(spans), self._rows_of(contents, owner))

    def _rows_of(self, contents: dict[str, _Content], owner: str) -> Callable[[Span], torch.Tensor]:
        # The last ones, wanted again where an image is read in several parts.
        held: dict[str, torch.Tensor] = {}

        def rows(span: Span) -> torch.Tensor:
            found = held.get(span.key)
            if found is None:
                found = self._store.get(span.key, owner)
            if found is None:
                assert self._towers is not None
                content = contents[span.key]
                if content.dtype == np.uint8:
                    found = self._towers.see(content)  # type: ignore[arg-type]
                else:
                    found = self._towers.hear(content)  # type: ignore[arg-type]
                self._store.put(span.key, found, owner)
            if len(found) != span.count:
                raise RuntimeError(f"{len(found)} soft tokens where {span.count} were counted")
            held.clear()
            held[span.key] = found
            return found

        return rows

    def _read(self, part: Image | Audio, what: str) -> tuple[str, int, _Content]:
        """(key, soft tokens, content)."""
        assert self._config is not None
        content: _Content
        if isinstance(part, Image):
            assert self._config.vision is not None
            grid = Grid(self._config.vision.patch, self._config.vision.pool)
            budget = part.tokens or self._config.vision.usual
            if budget not in self._config.vision.budgets:
                offered = ", ".join(map(str, sorted(self._config.vision.budgets)))
                raise BadMedia(
                    what,
                    f"It may not take {budget} soft tokens.",
                    f"Choose one of {offered}.",
                )
            content = read_image(part.source, budget, grid, what)
            count = content.shape[0] * content.shape[1] // grid.side**2
            kind = f"image {budget}"
        else:
            assert self._config.audio is not None
            content = read_audio(part.source, self._config.audio, what)
            count = audio_tokens(len(content), self._config.audio, self._config.unified)
            kind = "audio"
            if count == 0:
                raise BadMedia(what, "It is too short to hear anything.", "Choose another.")
        head = f"{self._fingerprint} {self._width} {kind} {content.shape}\n"
        key = hashlib.sha256(head.encode() + content.tobytes()).hexdigest()
        return key, count, content

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self._path)

    @property
    def _sees_both_ways(self) -> bool:
        return bool(self._config and self._config.vision and self._config.vision.both_ways)

    def _marks(self, part: Image | Audio) -> Marks:
        assert self._config is not None
        found = self._config.vision if isinstance(part, Image) else self._config.audio
        assert found is not None
        return found.marks

    def _check_kinds(self, parts: Sequence[Image | Audio]) -> None:
        for part in parts:
            seen = isinstance(part, Image)
            if self.image_budgets if seen else self.audio_seconds:
                continue
            if self._path.is_file():
                remedy = "A GGUF file has the decoder only: use the published model, or pack it."
            elif self._config and (self._config.vision if seen else self._config.audio):
                remedy = "Pack it again from the published model, with all of its files."
            else:
                remedy = "Use another model: all of Gemma 4 see; E2B, E4B and 12B hear."
            raise UnsupportedModel(
                str(self._path), f"It {'sees no images' if seen else 'hears no audio'}.", remedy
            )

    def _can(self, tower: str) -> bool:
        return self._refusal is None and self._tensors.has(tower)


def open_media(
    path: Path,
    widths: Widths,
    device: torch.device = CPU,
    refusal: EngineError | None = None,
    store: SoftStore | None = None,
) -> Media:
    """The eyes and ears of a model, whatever its form. Loads no tower yet.

    Raises DamagedModel if the files cannot be read.
    """
    return Media(
        path,
        read_media(path),
        TowerTensors(path),
        tower_width(widths),
        store or MemoryStore(),
        device,
        refusal,
    )


def _check_length(tokens: int, context: int) -> None:
    if tokens > context:
        raise PromptTooLong(
            "The prompt",
            f"With its images and audio it has {tokens:,} tokens or more, and the context holds "
            f"{context:,}.",
            "Ask over fewer images, let each take fewer soft tokens, or open the model with a "
            "longer context.",
        )
