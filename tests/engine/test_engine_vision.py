"""Images and audio in a prompt, beside ``transformers``: fp32 logits within 1e-4.

Tiny random checkpoints of every variant. The reference gets the pixels from its own processor.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_files import picture, saved, tone, wav
from PIL import Image as Pillow
from tiny_media import HEARING, IDS, SEEING, write_seeing
from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil
from transformers.models.gemma4_unified.feature_extraction_gemma4_unified import (
    Gemma4UnifiedAudioFeatureExtractor,
)

from engine.cache import KVCache
from engine.errors import UnsupportedModel
from engine.model import Model, load
from engine.options import Audio, Image, Message, Options, Part, PromptRead, Written
from engine.packer import pack_folder
from engine.prompt import Prompt
from engine.session import Session
from engine.towers import Towers, merge_patches
from engine.widths import KVBits, Widths

TOLERANCE = 1e-4
CONTEXT = 2048


@dataclass
class Seeing:
    """A tiny model, opened by us and by the reference."""

    variant: str
    folder: Path
    reference: Any
    model: Model

    def session(self, chunk: int = 1120, step: int = 512, bits: Any = None) -> Session:
        model = self.model
        cache = KVCache(
            model.config,
            CONTEXT,
            chunk,
            torch.float32,
            bits=bits,
            key_norms=model.decoder.key_norms,
        )
        return Session(model.decoder, cache, model.text, step)


@pytest.fixture(scope="module", params=SEEING)
def seeing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seeing:
    folder = tmp_path_factory.mktemp(request.param)
    reference = write_seeing(folder, request.param)
    return Seeing(request.param, folder, reference, load(folder, bits=32, context=CONTEXT))


def ask(*parts: Part) -> list[Message]:
    return [Message("user", parts)]


def ours(session: Session, prompt: Prompt) -> torch.Tensor:
    """Logits after the prompt."""
    caught: list[torch.Tensor] = []
    real = session._decode

    def watched(writer: Any, logits: torch.Tensor, room: int) -> Any:
        caught.append(logits)
        return real(writer, logits, room)

    session._decode = watched  # type: ignore[method-assign]
    list(session.generate(prompt, Options(max_tokens=1)))
    session._decode = real  # type: ignore[method-assign]
    return caught[0][-1]


def expected(seeing: Seeing, prompt: Prompt, parts: Sequence[Part]) -> torch.Tensor:
    """The reference's logits after the prompt's ids and what its processors make of the parts."""
    ids = torch.tensor([prompt.ids])
    kinds = (ids == IDS["image_token_id"]).int() + 3 * (ids == IDS["audio_token_id"]).int()
    given: dict[str, Any] = {"input_ids": ids, "mm_token_type_ids": kinds, "use_cache": False}
    pictures = [part for part in parts if isinstance(part, Image)]
    sounds = [part for part in parts if isinstance(part, Audio)]
    model = seeing.reference
    with torch.no_grad():
        if pictures:
            features = torch.cat([seen_by_reference(seeing, part) for part in pictures])
        if sounds:
            given |= heard_by_reference(seeing, sounds)
        if pictures:
            # Images of different budgets do not fit one batch; so they are handed over as features.
            output = type("Output", (), {"pooler_output": (features,)})()
            given["mm_encoder_outputs"] = {"image": output}
        if seeing.variant == "12b":
            # As the model itself makes them to generate; its plain forward still has Gemma 3's.
            embeds = torch.empty(1, ids.shape[1], 0)
            given["attention_mask"] = model.create_masks_for_generate(
                model.config, embeds, None, None, torch.arange(ids.shape[1])[None], kinds
            )
        return model(**given).logits[0, -1]


def seen_by_reference(seeing: Seeing, part: Image) -> torch.Tensor:
    assert isinstance(part.source, bytes)
    image = Pillow.open(io.BytesIO(part.source))
    processor = Gemma4ImageProcessorPil(max_soft_tokens=part.tokens or 70)
    found = processor(images=image, return_tensors="pt")
    values, places = found["pixel_values"], found["image_position_ids"]
    if seeing.variant == "12b":
        real = (places[0] >= 0).all(-1)
        vision = seeing.model.media._config.vision
        values, places = merge_patches(values[0][real], places[0][real], vision)
        values, places = values[None], places[None]
    output = seeing.reference.model.get_image_features(values.float(), places, return_dict=True)
    return torch.cat(list(output.pooler_output))


def heard_by_reference(seeing: Seeing, parts: Sequence[Audio]) -> dict[str, Any]:
    unified = seeing.variant == "12b"
    extractor = Gemma4UnifiedAudioFeatureExtractor() if unified else Gemma4AudioFeatureExtractor()
    raw = [np.frombuffer(part.source, "<i2", offset=44) / 32768 for part in parts]  # type: ignore[arg-type]
    found = extractor([one.astype(np.float32) for one in raw], return_tensors="pt")
    return {key: found[key] for key in ("input_features", "input_features_mask")}


WIDE = Image(saved(picture(200, 90, seed=1)), 70)
TALL = Image(saved(picture(60, 300, seed=2)), 140)
PAGE = Image(saved(picture(300, 400, seed=3)), 280)
PROMPTS: dict[str, tuple[Part, ...]] = {
    "one": ("What is on this page? ", WIDE, " Answer."),
    "first": (WIDE, "The dog does not mind."),
    "last": ("The quick brown fox", TALL),
    "several": ("First ", WIDE, " then ", TALL, PAGE, " and the lazy dog."),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_logits_are_those_of_transformers(seeing: Seeing, name: str) -> None:
    parts = PROMPTS[name]
    prompt = seeing.model.prompt(ask(*parts))
    assert sum(span.count for span in prompt.spans) == prompt.ids.count(IDS["image_token_id"])
    found = ours(seeing.session(), prompt)
    assert (found - expected(seeing, prompt, parts)).abs().max() < TOLERANCE


@pytest.mark.parametrize("budget", [560, 1120])
def test_the_larger_budgets(seeing: Seeing, budget: int) -> None:
    """An image longer than a step, and than the sliding window."""
    if seeing.variant in ("e4b", "26b") or (budget == 1120 and seeing.variant == "31b"):
        pytest.skip("one variant of each kind is enough")
    parts = ("See ", Image(PAGE.source, budget), WIDE, "?")
    prompt = seeing.model.prompt(ask(*parts))
    assert 0.8 * budget < prompt.spans[0].count <= budget
    found = ours(seeing.session(step=100), prompt)
    assert (found - expected(seeing, prompt, parts)).abs().max() < TOLERANCE


def test_what_is_shown_matters_and_how_it_is_seen(seeing: Seeing) -> None:
    """So that the agreement above is no accident."""
    first, second = (
        seeing.model.prompt(ask("See ", Image(image.source, 70), "?")) for image in (WIDE, PAGE)
    )
    found = ours(seeing.session(), first)
    assert (found - ours(seeing.session(), second)).abs().max() > 100 * TOLERANCE
    causal = Prompt(first.ids, tuple(replace(s, both_ways=False) for s in first.spans), first.soft)
    differs = not torch.equal(found, ours(seeing.session(), causal))
    assert differs == (seeing.variant in ("12b", "26b", "31b"))


@pytest.mark.parametrize("step", [7, 16, 33])
def test_chunks_change_no_bit(seeing: Seeing, step: int) -> None:
    prompt = seeing.model.prompt(ask(*PROMPTS["several"]))
    whole = ours(seeing.session(), prompt)
    assert torch.equal(ours(seeing.session(step=step), prompt), whole)
    if not prompt.spans[0].both_ways:
        # Who sees nothing ahead may be read in pieces, where an image does not fit.
        assert torch.equal(ours(seeing.session(chunk=step, step=step), prompt), whole)


def test_an_image_is_never_split(seeing: Seeing) -> None:
    prompt = seeing.model.prompt(ask(*PROMPTS["several"]))
    session = seeing.session(step=40)
    read = [
        e.tokens
        for e in session.generate(prompt, Options(max_tokens=1))
        if isinstance(e, PromptRead)
    ]
    assert all(not span.first < end < span.end for end in read for span in prompt.spans)
    assert read[-1] == len(prompt)


def test_a_known_prefix_is_read_on(seeing: Seeing) -> None:
    """In a cached prompt: before the image, within its text, and after another image."""
    session, model = seeing.session(), seeing.model
    ours(session, model.prompt(ask("See ", WIDE, TALL, " one")))
    for parts, reused in (
        (("See ", WIDE, TALL, " two"), 2),
        (("See ", WIDE, PAGE, " one"), 1),
        (("See ", WIDE, PAGE, " one"), 2),
        (("See ", TALL, PAGE, " one"), 0),
    ):
        prompt = model.prompt(ask(*parts))
        events = list(session.generate(prompt, Options(max_tokens=1)))
        read = next(event for event in events if isinstance(event, PromptRead))
        least = prompt.spans[reused].first if reused < 2 else prompt.spans[1].end
        most = least if reused < 2 else len(prompt) - 1
        if read.reused:  # otherwise the sliding window has moved on, and all is read again
            assert least <= read.reused <= most
        assert (ours(session, prompt) - expected(seeing, prompt, parts)).abs().max() < TOLERANCE


def test_with_coded_keys_chunks_change_no_bit(seeing: Seeing) -> None:
    if seeing.variant not in ("e2b", "31b"):
        pytest.skip("one variant of each kind is enough")
    text = "the dog does not mind " * 80
    prompt = seeing.model.prompt(ask(text, PAGE, text, TALL, text, PAGE, "?"))
    assert len(prompt) > 1600
    bits = KVBits(4, 4)
    whole = ours(seeing.session(chunk=CONTEXT, step=CONTEXT, bits=bits), prompt)
    assert torch.equal(ours(seeing.session(step=100, bits=bits), prompt), whole)


SPEECH = Audio(wav(tone(1.3, seed=1)))
SHORT = Audio(wav(tone(0.25, seed=2)))
HEARD: dict[str, tuple[Part, ...]] = {
    "audio": ("Write down: ", SPEECH, "."),
    "two": (SHORT, "and", SPEECH),
    "both": ("See ", WIDE, " hear ", SHORT, " answer"),
}


@pytest.mark.parametrize("name", HEARD)
def test_what_is_heard_is_that_of_transformers(seeing: Seeing, name: str) -> None:
    if seeing.variant not in HEARING:
        with pytest.raises(UnsupportedModel, match="hears no audio"):
            seeing.model.prompt(ask(*HEARD[name]))
        return
    parts = HEARD[name]
    prompt = seeing.model.prompt(ask(*parts))
    found = ours(seeing.session(step=10), prompt)
    assert (found - expected(seeing, prompt, parts)).abs().max() < TOLERANCE


def test_each_image_is_encoded_once(seeing: Seeing, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    see = Towers.see

    def counted(self: Towers, pixels: Any) -> torch.Tensor:
        seen.append(pixels.shape)
        return see(self, pixels)

    monkeypatch.setattr(Towers, "see", counted)
    image = Image(saved(picture(90, 90, seed=9)))
    for question in ("One?", "Two?"):
        ours(seeing.session(), seeing.model.prompt(ask(image, question, image)))
    # The same picture in another file is the same content.
    again = Image(saved(Pillow.open(io.BytesIO(image.source)), "BMP"))  # type: ignore[arg-type]
    ours(seeing.session(), seeing.model.prompt(ask(again)))
    assert len(seen) == 1
    ours(seeing.session(), seeing.model.prompt(ask(Image(image.source, 140))))
    assert len(seen) == 2


def test_a_packed_model_sees_the_same(seeing: Seeing, tmp_path: Path) -> None:
    """Packed without rounding, so that only the way of the weights is another."""
    pack_folder(seeing.folder, tmp_path / "packed", Widths(32, 32), lambda *_: None)
    packed = load(tmp_path / "packed", context=CONTEXT, exact_cache=True)
    assert (
        packed.facts.image_budgets == seeing.model.facts.image_budgets == (70, 140, 280, 560, 1120)
    )
    assert packed.facts.audio_seconds == (30 if seeing.variant in HEARING else 0)
    parts = HEARD["both"] if seeing.variant in HEARING else PROMPTS["several"]
    prompts = [model.prompt(ask(*parts)) for model in (packed, seeing.model)]
    for mine, theirs in zip(prompts[0].spans, prompts[1].spans, strict=True):
        assert prompts[0].soft and prompts[1].soft
        assert torch.equal(prompts[0].soft(mine), prompts[1].soft(theirs))
    assert prompts[0].spans[0].key != prompts[1].spans[0].key, "other models, other keys"


def test_a_model_in_four_bits_sees_as_published(seeing: Seeing) -> None:
    model = load(seeing.folder, bits=4, context=CONTEXT)
    a, b = (p.soft(p.spans[0]) for p in (m.prompt(ask(PAGE)) for m in (model, seeing.model)))  # type: ignore[misc]
    assert ((a - b).norm() / b.norm()) < 0.01


def test_the_chat_goes_through_the_model(seeing: Seeing) -> None:
    for _ in range(2):
        events = list(seeing.model.generate(ask(WIDE, "What?"), Options(max_tokens=4)))
        assert sum(len(e.tokens) for e in events if isinstance(e, Written)) == 4
