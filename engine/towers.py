"""What sees and hears: the modules of ``transformers`` with our matrices in them.

An image or audio in, soft tokens out, one at a time, without padding. ``transformers`` is imported
when the first one comes, which takes a few seconds; it is kept from looking for anything outside.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.layers import rms_norm
from engine.matrix import Joined, Matrix
from engine.media_config import SAMPLE_RATE, AudioConfig, MediaConfig, VisionConfig
from engine.native import lend_threads
from engine.packing import pack
from engine.tower_tensors import TowerTensors
from engine.vision import encode
from engine.widths import Width

_NORMS = ("Gemma4RMSNorm", "Gemma4UnifiedRMSNorm")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


class Towers:
    """A model's eyes and ears, loaded when the first image or audio comes.

    Only the ones in use are held: who hears after having seen loads one and drops the other.
    ``width`` is that of their matrices; everything else is fp32.
    """

    def __init__(
        self, config: MediaConfig, tensors: TowerTensors, width: Width, device: torch.device
    ) -> None:
        self._config, self._tensors, self._width, self._device = config, tensors, width, device

    def see(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        """fp32 [tokens, hidden] of pixels uint8 [height, width, 3] from ``read_image``."""
        self.__dict__.pop("_ears", None)
        with torch.inference_mode():
            return self._see(pixels).float().cpu()

    def hear(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """fp32 [tokens, hidden] of samples fp32 [n] at 16 kHz."""
        self.__dict__.pop("_eyes", None)
        with lend_threads(), torch.inference_mode():
            return self._hear(samples).float().cpu()

    def _see(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        vision = self._config.vision
        assert vision is not None
        tower, embed, processor = self._eyes
        patches, places = (part.to(self._device) for part in cut(pixels, processor, vision))
        if self._config.unified:
            patches, places = merge_patches(patches[0], places[0], vision)
            return embed(patches.unsqueeze(0), places.unsqueeze(0)).pooler_output[0]  # type: ignore[no-any-return]
        return embed(inputs_embeds=encode(tower, patches[0], places[0]))  # type: ignore[no-any-return]

    def _hear(self, samples: NDArray[np.float32]) -> torch.Tensor:
        tower, embed, extractor = self._ears
        given = extractor([samples], sampling_rate=SAMPLE_RATE, return_tensors="pt")
        heard = given["input_features"].to(self._device).float()
        mask = given["input_features_mask"].to(self._device)
        if self._config.unified:
            return embed(inputs_embeds=heard)[mask]  # type: ignore[no-any-return]
        found = tower(heard, mask)
        return embed(inputs_embeds=found.last_hidden_state)[found.attention_mask]  # type: ignore[no-any-return]

    @cached_property
    def _eyes(self) -> tuple[Any, Any, Any]:
        """(tower or None, projection, image processor)."""
        vision = self._config.vision
        assert vision is not None
        with _building():
            from transformers.models.gemma4.image_processing_pil_gemma4 import (
                Gemma4ImageProcessorPil,
            )

            processor = Gemma4ImageProcessorPil(
                patch_size=vision.patch, pooling_kernel_size=vision.pool
            )
            if self._config.unified:
                from transformers.models.gemma4_unified import modeling_gemma4_unified as unified
                from transformers.models.gemma4_unified.configuration_gemma4_unified import (
                    Gemma4UnifiedVisionConfig,
                )

                settings: Any = Gemma4UnifiedVisionConfig(**vision.settings)
                embedder = unified.Gemma4UnifiedVisionEmbedder(settings, self._text)
                return None, self._loaded(embedder, "embed_vision"), processor
            from transformers.models.gemma4 import modeling_gemma4 as gemma4
            from transformers.models.gemma4.configuration_gemma4 import Gemma4VisionConfig

            settings = Gemma4VisionConfig(**vision.settings)
            tower = self._loaded(gemma4.Gemma4VisionModel(settings), "vision_tower")
            projection = gemma4.Gemma4MultimodalEmbedder(settings, self._text)
            return tower, self._loaded(projection, "embed_vision"), processor

    @cached_property
    def _ears(self) -> tuple[Any, Any, Any]:
        """(tower or None, projection, feature extractor)."""
        audio = self._config.audio
        assert audio is not None
        with _building():
            if self._config.unified:
                return self._unified_ears(audio)
            from transformers.models.gemma4 import modeling_gemma4 as gemma4
            from transformers.models.gemma4.configuration_gemma4 import Gemma4AudioConfig
            from transformers.models.gemma4.feature_extraction_gemma4 import (
                Gemma4AudioFeatureExtractor,
            )

            settings: Any = Gemma4AudioConfig(**audio.settings)
            tower = self._loaded(gemma4.Gemma4AudioModel(settings), "audio_tower")
            projection = gemma4.Gemma4MultimodalEmbedder(settings, self._text)
            extractor = Gemma4AudioFeatureExtractor(**audio.features)
            return tower, self._loaded(projection, "embed_audio"), extractor

    def _unified_ears(self, audio: AudioConfig) -> tuple[Any, Any, Any]:
        from transformers.models.gemma4_unified import modeling_gemma4_unified as unified
        from transformers.models.gemma4_unified.configuration_gemma4_unified import (
            Gemma4UnifiedAudioConfig,
        )
        from transformers.models.gemma4_unified.feature_extraction_gemma4_unified import (
            Gemma4UnifiedAudioFeatureExtractor,
        )

        settings: Any = Gemma4UnifiedAudioConfig(**audio.settings)
        embedder = unified.Gemma4UnifiedMultimodalEmbedder(settings, self._text)
        extractor = Gemma4UnifiedAudioFeatureExtractor(**audio.features)
        return None, self._loaded(embedder, "embed_audio"), extractor

    @property
    def _text(self) -> Any:
        """All that a projection asks of the decoder's configuration."""
        return _TextConfig(self._config.hidden)

    def _loaded(self, module: nn.Module, name: str) -> nn.Module:
        """The module with its weights; matrix products and norms are our own."""
        for path, part in list(module.named_modules()):
            own: nn.Module
            if isinstance(part, nn.Linear):
                own = self._product(part, f"{name}.{path}")
            elif type(part).__name__ in _NORMS:
                own = _Norm(part)
            else:
                continue
            owner, _, last = path.rpartition(".")
            setattr(module.get_submodule(owner), last, own)
        for path, tensor in module.state_dict(keep_vars=True).items():
            tensor.data = self._tensors.tensor(f"{name}.{path}", tuple(tensor.shape))
        return module.eval().requires_grad_(False).to(self._device)

    def _product(self, linear: nn.Linear, name: str) -> "_Product":
        shape = (linear.out_features, linear.in_features)
        matrix = pack(self._tensors.rows(f"{name}.weight", shape), self._width)
        bias = None
        if linear.bias is not None:
            bias = self._tensors.tensor(f"{name}.bias", shape[:1]).to(self._device)
        return _Product(matrix.to(self._device), bias)


class _TextConfig:
    def __init__(self, hidden: int) -> None:
        self.hidden_size = hidden


class _Product(nn.Module):
    """Stands for ``nn.Linear``; no part of the state, since it is loaded already."""

    def __init__(self, matrix: Matrix | Joined, bias: torch.Tensor | None) -> None:
        super().__init__()
        self._matrix, self._bias = matrix, bias
        # Modules ask it for the type that hidden states should have.
        self.weight = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x [..., inputs] times the weights."""
        out = self._matrix(x.reshape(-1, x.shape[-1]).contiguous())
        if self._bias is not None:
            out = out + self._bias
        return out.view(*x.shape[:-1], -1)


class _Norm(nn.Module):
    """Stands for the modules' RMS norm, whose plain operators take longer than the products."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.epsilon = float(norm.eps)
        self.weight = norm.weight if norm.with_scale else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x / rms(x), times the weight if there is one."""
        return rms_norm(x.contiguous(), self.weight, self.epsilon)


def cut(
    pixels: NDArray[np.uint8], processor: Any, config: VisionConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches fp32 [1, n, patch * patch * 3] of an image that fits already, and places [1, n, 2].

    The processor of ``transformers`` scales and cuts; its padding is left out.
    """
    given = processor(
        images=pixels,
        input_data_format="channels_last",
        do_resize=False,
        max_soft_tokens=_least_budget(pixels, config),
        return_tensors="pt",
    )
    real = (given["image_position_ids"][0] >= 0).all(-1)
    return given["pixel_values"][:, real].float(), given["image_position_ids"][:, real]


def merge_patches(
    patches: torch.Tensor, places: torch.Tensor, config: VisionConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches [n, patch * patch * 3] at places (x, y) [n, 2], row by row, as whole soft tokens.

    Gives [n / pool**2, (patch * pool)**2 * 3] and their places; for the model without a tower.
    """
    pool, patch = config.pool, config.patch
    across, down = (int(n) // pool for n in places.amax(0) + 1)
    grid = patches.view(down, pool, across, pool, patch, patch, 3)
    merged = grid.permute(0, 2, 1, 4, 3, 5, 6).reshape(down * across, -1)
    rows, columns = torch.meshgrid(torch.arange(down), torch.arange(across), indexing="ij")
    return merged, torch.stack([columns, rows], -1).view(-1, 2).to(places.device)


def _least_budget(pixels: NDArray[np.uint8], config: VisionConfig) -> int:
    """The smallest budget that holds the image: the processor pads up to it."""
    side = config.patch * config.pool
    tokens = pixels.shape[0] * pixels.shape[1] // side**2
    return min(budget for budget in config.budgets if budget >= tokens)


@contextmanager
def _building() -> Generator[None, None, None]:
    """Modules are made without filling them, and ``transformers`` without reaching out."""
    for name in _OFFLINE:
        os.environ[name] = "1"
    from transformers.initialization import no_init_weights

    with no_init_weights():
        yield
