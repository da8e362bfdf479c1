"""Opens a model and gives what writes with it. The one place that knows all the others.

A model is a published checkpoint folder, a packed folder (``muniment models pack``) or a GGUF file.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from engine.cache import KVCache
from engine.checkpoint import Checkpoint
from engine.config import ModelConfig, layer_capacity, open_config
from engine.decoder import Decoder
from engine.decoder_weights import DecoderWeights, LayerWeights
from engine.errors import DamagedModel
from engine.fingerprint import fingerprint
from engine.kv_table import read_table
from engine.matrix import Joined, Matrix, Width
from engine.media import Media, open_media
from engine.native import claim_threads, kernels
from engine.options import DEFAULTS, Event, Message, ModelFacts, Options, SnapshotPlace
from engine.packed import PackedModel, is_packed
from engine.placement import CPU, Placement, place
from engine.planner import plan
from engine.prompt import Prompt, shared
from engine.session import Session
from engine.sizes import rows_at_once
from engine.snapshot_folder import SnapshotFolder
from engine.snapshots import Snapshots
from engine.soft_store import DiskStore, MemoryStore
from engine.tensors import Source, Widths, gather, matrices
from engine.text import Text
from engine.widths import KVBits

# Tokens at the end of what is kept that may depend on what follows.
_LOOSE_END = 8


@dataclass(frozen=True)
class Model:
    """A loaded model with one session."""

    facts: ModelFacts
    config: ModelConfig
    decoder: Decoder
    session: Session
    path: Path
    text: Text | None
    media: Media

    def generate(
        self, prompt: Sequence[Message] | Sequence[int] | str, options: Options = DEFAULTS
    ) -> Generator[Event, None, None]:
        """Writes after token ids, a plain text, or a conversation in the model's own template.

        Raises BadMedia, PromptTooLong and UnsupportedModel over images and audio before anything
        is read.
        """
        ids = self.tokens(prompt, options.thinking)
        owner = options.keep.owner if options.keep else ""
        whole = self._prompt(prompt, ids, owner)
        return self.session.generate(whole, options, self._kept(prompt, ids, whole, options))

    def count(self, prompt: Sequence[Message] | Sequence[int] | str) -> int:
        """How many tokens a prompt has, with those of its images and audio."""
        return len(self.prompt(prompt))

    def forget(self, owner: str) -> None:
        """Forgets what was read last if it was this owner's; its files are for others to delete."""
        self.session.forget(owner)

    def prompt(
        self, prompt: Sequence[Message] | Sequence[int] | str, thinking: bool = False
    ) -> Prompt:
        """The prompt as the session reads it: as :meth:`tokens`, with room for what it shows."""
        return self._prompt(prompt, self.tokens(prompt, thinking))

    def tokens(
        self, prompt: Sequence[Message] | Sequence[int] | str, thinking: bool = False
    ) -> list[int]:
        """The prompt's token ids, one for each image and audio.

        Raises DamagedModel if it needs a tokenizer and there is none.
        """
        if not isinstance(prompt, str):
            ids = [part for part in prompt if isinstance(part, int)]
            if len(ids) == len(prompt):
                return ids
        if self.text is None:
            raise DamagedModel(
                str(self.path / "tokenizer.json"),
                "The tokenizer is missing.",
                "Copy tokenizer.json and the chat template beside the weights.",
            )
        if isinstance(prompt, str):
            return self.text.encode(prompt)
        return self.text.chat([m for m in prompt if isinstance(m, Message)], thinking)

    def _prompt(
        self, prompt: Sequence[Message] | Sequence[int] | str, ids: list[int], owner: str = ""
    ) -> Prompt:
        """``owner`` is for whom the soft tokens of images are kept."""
        shown = [part for m in prompt if isinstance(m, Message) for part in m.media]
        return self.media.prompt(ids, shown, self.facts.context, owner)

    def _kept(
        self,
        prompt: Sequence[Message] | Sequence[int] | str,
        ids: list[int],
        whole: Prompt,
        options: Options,
    ) -> int:
        """How many of the prompt's tokens ``options.keep`` means."""
        keep = options.keep
        if keep is None:
            return 0
        if isinstance(prompt, str):
            cut = self.tokens(prompt[: keep.characters])
        elif all(isinstance(part, Message) for part in prompt):
            messages = [part for part in prompt if isinstance(part, Message)][: keep.message + 1]
            last = messages[-1].first(keep.characters)
            cut = self.tokens([*messages[:-1], last], options.thinking)
        else:
            return len(ids[: keep.characters])
        # The last tokens may be others where another text follows.
        return max(0, whole.place(shared(ids, cut)) - _LOOSE_END)


def load(
    where: Path | str,
    *,
    context: int | None = None,
    memory: int | None = None,
    bits: Width | None = None,
    device: str = "auto",
    exact_cache: bool = False,
    kv: KVBits | Literal["auto"] | None = None,
    tables: Path | None = None,
    snapshots: SnapshotPlace | None = None,
) -> Model:
    """Opens a model after checking that it fits.

    context: most tokens of prompt and answer together; None takes what the plan chose. memory:
    bytes that may be used; None takes what is free. bits: width of the weights of a published
    checkpoint; 32 computes in fp32 throughout. exact_cache: keys and values in fp32 instead of
    bf16. kv: bits of keys and values on global layers; None keeps them as they are, "auto" takes
    what was measured to be enough (:mod:`engine.kv_table`). tables: where such tables lie besides
    the model. snapshots: where what ``Options.keep`` names stays read. Raises MemoryExceeded with
    the numbers before anything is loaded, ModelError for bad files.
    """
    path = Path(where)
    notes = []
    if kv == "auto":
        stored = read_table(path, tables)
        kv = stored.kv
        notes.append(stored.note)
    widths = Widths(bits, bits) if bits else None
    planned = plan(
        path, memory=memory, context=context, widths=widths, exact_cache=exact_cache, kv=kv
    )
    planned.check()
    widths, context = planned.widths, planned.context
    source = open_source(path)
    config = open_config(path)
    weights = gather(config, source, widths)
    cache_type = torch.float32 if exact_cache or widths.layers == 32 else torch.bfloat16
    rows = rows_at_once(planned.soft_rows, context)
    placement = _place(config, weights, context, rows, cache_type, device)
    if placement.only_cpu:
        claim_threads()
    else:
        weights = _moved(weights, placement)
    decoder = Decoder(config, weights, placement)
    cache = KVCache(config, context, rows, cache_type, placement, kv, decoder.key_norms)
    text = open_text(path)
    store = DiskStore(SnapshotFolder(snapshots), MemoryStore()) if snapshots else None
    media = open_media(path, widths, placement.ends, planned.media_refusal, store)
    if planned.media_refusal:
        notes.append(f"{planned.media_refusal.cause} Images and audio are refused.")
    native = kernels()
    if kv and not cache.coded:
        notes.append("Keys and values cannot be coded here; they are kept exactly.")
    if not native:
        notes.append("The fast kernels are not built: writing is several times slower.")
    identity = fingerprint(path)
    names = sorted({str(d) for d in [placement.ends, *placement.layers.values()]})
    facts = ModelFacts(
        name=path.name,
        family=config.family,
        layers=len(config.layers),
        hidden=config.hidden,
        vocabulary=config.vocabulary,
        context=context,
        longest_context=config.context,
        weight_bytes=sum(m.nbytes for m in matrices(weights)),
        cache_bytes=cache.nbytes,
        kernels=native.name if native else "torch",
        device=", ".join(names),
        notes=tuple(note for note in notes if note),
        kv=kv.name if kv and cache.coded else "exact",
        image_budgets=media.image_budgets,
        audio_seconds=media.audio_seconds,
        fingerprint=identity,
        weights=f"{widths.layers} bits",
        chat=text is not None and text.has_template,
    )
    kept = None
    if snapshots:
        identity = f"{identity} {widths.layers} {widths.embedding}"
        kept = Snapshots(snapshots, identity, cache)
    session = Session(decoder, cache, text, snapshots=kept)
    return Model(facts, config, decoder, session, path, text, media)


def open_source(path: Path) -> Source:
    """The model's tensors, whichever form it has."""
    if path.is_file():
        # Here and below: only those who have a GGUF file wait for its library.
        from engine.gguf_file import GgufCheckpoint

        return GgufCheckpoint(path)
    return PackedModel(path) if is_packed(path) else Checkpoint(path)


def open_text(path: Path) -> Text | None:
    """The model's tokenizer and template; None if the folder has no tokenizer."""
    if path.is_file():
        from engine.gguf_tokenizer import gguf_chat_template, gguf_tokenizer

        return Text(gguf_tokenizer(path), gguf_chat_template(path))
    return Text.open(path) if (path / "tokenizer.json").exists() else None


def _place(
    config: ModelConfig,
    weights: DecoderWeights,
    context: int,
    rows: int,
    cache_type: torch.dtype,
    device: str,
) -> Placement:
    sizes = []
    for layer, held in zip(config.layers, weights.layers, strict=True):
        positions = layer_capacity(layer, context, rows) if layer.owns_kv else 0
        cache = 2 * positions * layer.kv_heads * layer.head_size * cache_type.itemsize
        sizes.append(sum(part.nbytes for part in _parts(held)) + cache)
    return place(config, sizes, weights.embedding.nbytes, device)


def _parts(layer: LayerWeights) -> Iterator[Matrix | Joined]:
    yield from (layer.qkv, layer.output, layer.gate_up, layer.down)
    if layer.per_layer:
        yield from (layer.per_layer.gate, layer.per_layer.projection)
    if layer.experts:
        yield from (*layer.experts.gate_up, *layer.experts.down)


def _moved(weights: DecoderWeights, placement: Placement) -> DecoderWeights:
    """The weights on their devices; the per-layer table stays where it is."""
    ends = placement.ends
    embedding = weights.embedding.to(ends)
    tied = weights.head is weights.embedding
    projection, norm = weights.per_layer_projection, weights.per_layer_norm
    return replace(
        weights,
        embedding=embedding,
        head=embedding if tied else weights.head.to(ends),
        norm=weights.norm.to(ends),
        layers=[_moved_layer(w, placement.layers[i]) for i, w in enumerate(weights.layers)],
        per_layer_projection=projection.to(ends) if projection else None,
        per_layer_norm=norm.to(ends) if norm is not None else None,
    )


def _moved_layer(layer: LayerWeights, device: torch.device) -> LayerWeights:
    if device == CPU:
        return layer

    def there(value: object) -> object:
        if isinstance(value, torch.Tensor | Matrix | Joined):
            return value.to(device)
        if isinstance(value, list):
            return [there(part) for part in value]
        if hasattr(value, "__dataclass_fields__"):
            moved = {name: there(getattr(value, name)) for name in value.__dataclass_fields__}
            return replace(value, **moved)  # type: ignore[type-var]
        return value

    moved = there(layer)
    assert isinstance(moved, LayerWeights)
    return moved
