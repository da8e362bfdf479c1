"""The Gemma decoder: token ids in, logits out, keys and values kept in a cache. One sequence.

In the order of the papers: embed; for each layer attention and feed-forward, each normed before and
after and added to the residual stream; then what E2B and E4B add from their per-layer embeddings;
norm; logits. Layers that share keys and values come last and store nothing, so rows whose logits
nobody wants do not pass through them.
"""

import torch

from engine.cache import KVCache
from engine.config import FULL, LayerConfig, ModelConfig
from engine.decoder_weights import DecoderWeights, ExpertWeights, LayerWeights
from engine.fused import FusedLayer, can_fuse
from engine.layers import gelu_multiply, norm_rope, rms_norm, rope_frequencies, rope_turn, softcap
from engine.native import kernels
from engine.placement import CPU, Placement


class Decoder:
    """Runs a model's weights. Rows are tokens: hidden states are fp32 [rows, hidden] on the CPU."""

    def __init__(
        self,
        config: ModelConfig,
        weights: DecoderWeights,
        placement: Placement | None = None,
    ) -> None:
        self.config, self.weights = config, weights
        self.placement = placement or Placement(dict.fromkeys(range(len(config.layers)), CPU), CPU)
        sizes = {layer.kind: layer.head_size for layer in config.layers}
        self.frequencies = {
            kind: rope_frequencies(config.rope[kind], size) for kind, size in sizes.items()
        }
        self._fused = [self._fuse(layer) for layer in config.layers]
        self._workspace = torch.empty(0)

    @property
    def key_norms(self) -> dict[int, torch.Tensor]:
        """Weights [head size] of the keys' norms, by layer; for :class:`KVCache`."""
        held = enumerate(self.weights.layers)
        return {index: layer.key_norm for index, layer in held if layer.key_norm is not None}

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Hidden states [rows, hidden] of token ids int64 [rows]."""
        ends = self.placement.ends
        found = self.weights.embedding.rows(ids.to(ends)) * float(self.config.hidden**0.5)
        return found.to(self.placement.dtype(ends))

    def forward(
        self,
        ids: torch.Tensor,
        cache: KVCache,
        keep: int = 1,
        hidden: torch.Tensor | None = None,
        high: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Reads rows after what the cache holds and gives the logits of the last ``keep``, fp32.

        ids: int64 [rows]. hidden: their embeddings where they are not the ids' own (images). high:
        int64 [rows], where sliding layers see further than the row itself: the end of the image the
        row is part of. keep = 0 only fills the cache and gives an empty [0, vocabulary].
        """
        x = self.states(ids, cache, keep, hidden, high)
        return self.logits(x) if keep else torch.empty(0, self.config.vocabulary)

    def states(
        self,
        ids: torch.Tensor,
        cache: KVCache,
        keep: int = 1,
        hidden: torch.Tensor | None = None,
        high: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As :meth:`forward`, but what the last layer gives: [keep, hidden], for :meth:`logits`."""
        config, rows, first = self.config, ids.shape[0], cache.length
        if first + rows > cache.context or rows > cache.chunk:
            raise ValueError(
                f"{rows} rows after {first} do not fit a cache of {cache.context} in chunks of "
                f"{cache.chunk}"
            )
        x = self.embed(ids) if hidden is None else self._moved(hidden, self.placement.ends)
        embedded = x
        seen = _Seen(config, self.frequencies, first, rows, high)
        own = config.own_layers
        per_layer = self._per_layer(ids, embedded, 0, own)
        for layer in config.layers[:own]:
            extra = None if per_layer is None else per_layer[:, layer.index]
            x = self._layer(layer, x, extra, seen, cache)
        cache.length = first + rows
        if keep == 0:
            return x[:0]
        if own < len(config.layers):
            x, seen = x[-keep:], seen.last(keep)
            per_layer = self._per_layer(ids[-keep:], embedded[-keep:], own, len(config.layers))
            for layer in config.layers[own:]:
                extra = None if per_layer is None else per_layer[:, layer.index - own]
                x = self._layer(layer, x, extra, seen, cache)
        return x[-keep:]

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """fp32 [rows, vocabulary], on the CPU, of the last layer's rows."""
        x = self._moved(x, self.placement.ends).contiguous()
        x = rms_norm(x, self.weights.norm, self.config.epsilon)
        return softcap(self.weights.head(x).float().cpu(), self.config.softcap)

    def _layer(
        self,
        layer: LayerConfig,
        x: torch.Tensor,
        per_layer: torch.Tensor | None,
        seen: "_Seen",
        cache: KVCache,
    ) -> torch.Tensor:
        weights, epsilon = self.weights.layers[layer.index], self.config.epsilon
        x = self._moved(x, self.placement.layers[layer.index])
        fused = self._fused[layer.index]
        if fused and self.placement.layers[layer.kv_source] == CPU:
            return self._fused_layer(layer, fused, x, per_layer, seen, cache)
        attended = self._attention(
            layer, weights, rms_norm(x, weights.input_norm, epsilon), seen, cache
        )
        x = rms_norm(attended, weights.post_attention_norm, epsilon, residual=x)
        plain = weights.per_layer is None
        added = self._feed_forward(weights, x)
        x = rms_norm(
            added, weights.post_feed_forward_norm, epsilon, x, weights.scalar if plain else 1.0
        )
        if weights.per_layer is None:
            return x
        assert per_layer is not None
        per_layer = self._moved(per_layer, x.device)
        gated = gelu_multiply(weights.per_layer.gate(x), per_layer)
        projected = weights.per_layer.projection(gated)
        return rms_norm(projected, weights.per_layer.norm, epsilon, x, weights.scalar)

    def _fuse(self, layer: LayerConfig) -> FusedLayer | None:
        """The layer for the kernels, where they can run it."""
        weights = self.weights.layers[layer.index]
        here = self.placement.layers[layer.index] == CPU and kernels() is not None
        return FusedLayer(self.config, layer, weights) if here and can_fuse(weights) else None

    def _fused_layer(
        self,
        layer: LayerConfig,
        fused: FusedLayer,
        x: torch.Tensor,
        per_layer: torch.Tensor | None,
        seen: "_Seen",
        cache: KVCache,
    ) -> torch.Tensor:
        """The same as the steps of :meth:`_layer`, to the bit, in two calls around attention."""
        native = kernels()
        assert native is not None
        x = x.contiguous()
        needed = x.shape[0] * fused.workspace
        if self._workspace.numel() < needed:
            self._workspace = torch.empty(needed)
        turn = seen.turn(layer.kind, CPU)
        rows = fused.rows(x, turn, per_layer, self._workspace)
        qkv = fused.before(native, rows)
        width, kv_width = self.config.heads * layer.head_size, layer.kv_heads * layer.head_size
        if layer.owns_kv:
            keys, values = qkv[:, width : width + kv_width], qkv[:, width + kv_width :]
            cache.layers[layer.index].append(keys, values, seen.first)
        low, high = seen.range(layer, CPU)
        attended = cache.layers[layer.kv_source].attend(
            qkv[:, :width], self.config.heads, low, high, self.config.attention_scale
        )
        return fused.after(native, rows, attended)

    def _attention(
        self,
        layer: LayerConfig,
        weights: LayerWeights,
        x: torch.Tensor,
        seen: "_Seen",
        cache: KVCache,
    ) -> torch.Tensor:
        config, epsilon = self.config, self.config.epsilon
        turn = seen.turn(layer.kind, x.device)
        width, kv_width = config.heads * layer.head_size, layer.kv_heads * layer.head_size
        qkv = weights.qkv(x)
        q = norm_rope(qkv[:, :width], config.heads, weights.query_norm, epsilon, turn)
        if layer.owns_kv:
            keys = qkv[:, width : width + kv_width]
            values = keys.clone() if layer.k_is_v else qkv[:, width + kv_width :]
            keys = norm_rope(keys, layer.kv_heads, weights.key_norm, epsilon, turn)
            if config.value_norm:
                values = norm_rope(values, layer.kv_heads, None, epsilon, None)
            cache.layers[layer.index].append(keys, values, seen.first)
        home = self.placement.layers[layer.kv_source]
        low, high = seen.range(layer, home)
        attended = cache.layers[layer.kv_source].attend(
            self._moved(q, home), config.heads, low, high, config.attention_scale
        )
        return weights.output(self._moved(attended, x.device))

    def _moved(self, x: torch.Tensor, device: torch.device) -> torch.Tensor:
        """x on another device, in the type hidden states have there."""
        return x.to(device, self.placement.dtype(device))

    def _feed_forward(self, weights: LayerWeights, x: torch.Tensor) -> torch.Tensor:
        epsilon = self.config.epsilon
        gate_up = weights.gate_up(rms_norm(x, weights.pre_feed_forward_norm, epsilon))
        dense = weights.down(gelu_multiply(*gate_up.chunk(2, dim=-1)))
        experts = weights.experts
        if experts is None:
            return dense
        dense = rms_norm(dense, experts.norm_dense, epsilon)
        routed = self._experts(experts, x)
        return rms_norm(routed, experts.norm_out, epsilon, residual=dense)

    def _experts(self, experts: ExpertWeights, x: torch.Tensor) -> torch.Tensor:
        epsilon, active = self.config.epsilon, self.config.active_experts
        scores = experts.router(rms_norm(x, None, epsilon)).float().softmax(-1)
        shares, chosen = scores.topk(active, dim=-1)
        shares = shares / shares.sum(-1, keepdim=True) * experts.expert_scale[chosen]
        inputs = rms_norm(x, experts.norm_in, epsilon)
        parts = torch.zeros(x.shape[0], active, x.shape[1], dtype=x.dtype, device=x.device)
        for expert in sorted(set(chosen.flatten().tolist())):
            rows, places = (chosen == expert).nonzero(as_tuple=True)
            gate_up = experts.gate_up[expert](inputs[rows])
            parts[rows, places] = experts.down[expert](gelu_multiply(*gate_up.chunk(2, dim=-1)))
        out = torch.zeros_like(x)
        for place in range(active):
            out += parts[:, place] * shares[:, place : place + 1].to(x.dtype)
        return out

    def _per_layer(
        self, ids: torch.Tensor, embedded: torch.Tensor, first: int, last: int
    ) -> torch.Tensor | None:
        """[rows, last - first, size]: per-layer embeddings of some layers, mixed with context."""
        weights, size = self.weights, self.config.per_layer_size
        if not size or first == last:
            return None
        assert weights.table and weights.per_layer_projection and weights.per_layer_norm is not None
        projection = weights.per_layer_projection.part(first * size, last * size)
        context = (projection(embedded) * self.config.hidden**-0.5).view(len(ids), -1, size)
        context = rms_norm(context, weights.per_layer_norm, self.config.epsilon)
        looked_up = weights.table.rows(ids, first * size, last * size).view(len(ids), -1, size)
        return (context + looked_up.to(context.dtype) * float(size**0.5)) * 2**-0.5


class _Seen:
    """What each of a chunk's rows sees, and how far its queries and keys are turned."""

    def __init__(
        self,
        config: ModelConfig,
        frequencies: dict[str, torch.Tensor],
        first: int,
        rows: int,
        image_end: torch.Tensor | None,
    ) -> None:
        self.first = first
        self.positions = torch.arange(first, first + rows)
        self._turns = {kind: rope_turn(f, self.positions) for kind, f in frequencies.items()}
        self._high = {FULL: self.positions + 1}
        self._low: dict[int | None, torch.Tensor] = {None: torch.zeros_like(self.positions)}
        self._sliding_high = self.positions + 1
        if image_end is not None:
            self._sliding_high = torch.maximum(self._sliding_high, image_end)
        for window in {layer.window for layer in config.layers} - {None}:
            assert window is not None
            self._low[window] = (self.positions - window + 1).clamp_(min=0)

    def last(self, rows: int) -> "_Seen":
        """Only the last rows."""
        cut = object.__new__(_Seen)
        cut.first = self.first
        cut.positions = self.positions[-rows:]
        cut._turns = {k: (c[-rows:], s[-rows:]) for k, (c, s) in self._turns.items()}
        cut._high = {k: v[-rows:] for k, v in self._high.items()}
        cut._low = {k: v[-rows:] for k, v in self._low.items()}
        cut._sliding_high = self._sliding_high[-rows:]
        return cut

    def turn(self, kind: str, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """(cosine, sine) [rows, head size / 2]."""
        cosine, sine = self._turns[kind]
        return cosine.to(device), sine.to(device)

    def range(self, layer: LayerConfig, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """(low, high) int64 [rows]: each row sees low <= position < high."""
        high = self._high[FULL] if layer.window is None else self._sliding_high
        return self._low[layer.window].to(device), high.to(device)
