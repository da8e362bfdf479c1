"""How much memory a model takes, from its configuration alone. Loads no torch and opens no file.

Counts what :func:`engine.tensors.gather` asks for, in the forms of :func:`engine.packing.pack`.
"""

from collections import Counter
from collections.abc import Iterator

from engine.config import CODE_PADDING, SEGMENT, ModelConfig, exact_tail, layer_capacity
from engine.widths import LEARN, KVBits, Width, Widths

# Rows read at once: enough to keep the products busy, few enough for closing to be felt at once.
CHUNK = 512
PANEL, GROUP = 16, 32
_SCALE_BYTES = 2
# Logits of a draft's rows, and the sampler's copies of the last.
_LOGIT_ROWS = 32


def weight_numbers(config: ModelConfig) -> dict[str, int]:
    """Weights by kind: ``layers``, ``embedding``, ``exact`` (kept in fp32), ``table`` (on disk)."""
    counts = Counter({"layers": 0, "embedding": 0, "exact": _vectors(config), "table": 0})
    for kind, outputs, inputs, times in _matrices(config):
        counts[kind] += outputs * inputs * times
    counts["table"] = config.per_layer_vocabulary * _per_layer_columns(config)
    return dict(counts)


def weight_bytes(config: ModelConfig, widths: Widths) -> dict[Width, int]:
    """Bytes in memory by width in bits, the scales among them; the per-layer table is not."""
    kinds: dict[str, Width] = {"layers": widths.layers, "embedding": widths.embedding, "exact": 32}
    found: Counter[Width] = Counter({32: 4 * _vectors(config)})
    for kind, outputs, inputs, times in _matrices(config):
        width: Width = 16 if kinds[kind] < 16 and inputs % GROUP else kinds[kind]
        found[width] += matrix_bytes(outputs, inputs, width) * times
    return dict(sorted(found.items()))


def matrix_bytes(outputs: int, inputs: int, width: Width, *, minima: bool = False) -> int:
    """Bytes of one matrix in panels."""
    rows = -(-outputs // PANEL) * PANEL
    scales = 0 if width >= 16 else rows * inputs // GROUP * _SCALE_BYTES * (2 if minima else 1)
    return rows * inputs * width // 8 + scales


def table_bits(columns: int, widths: Widths) -> Width:
    """Bits a number of the packed per-layer table: 8 where anything is packed."""
    return 8 if widths.layers < 16 and columns % GROUP == 0 else 16


def table_bytes(config: ModelConfig, widths: Widths) -> int:
    """Bytes on disk of the packed per-layer table; 0 where there is none."""
    rows, columns = config.per_layer_vocabulary, _per_layer_columns(config)
    bits = table_bits(columns, widths)
    return rows * columns * bits // 8 + (rows * columns // GROUP * 2 if bits == 8 else 0)


def rows_at_once(soft_rows: int, context: int) -> int:
    """Rows that are read at once at most; ``soft_rows`` of them where an image needs to be whole.

    See :attr:`engine.media_config.MediaConfig.most_soft_rows`.
    """
    return min(max(CHUNK, soft_rows), context)


def tower_width(widths: Widths) -> Width:
    """Bits of the matrices of what sees and hears, for those of the decoder.

    As published: what a rounded tower would miss has not been measured on real weights.
    """
    return max(16, widths.layers)


def cache_bytes(
    config: ModelConfig,
    context: int,
    number_bytes: int = 2,
    kv: KVBits | None = None,
    soft_rows: int = 0,
) -> int:
    """Bytes of keys and values for a context, of 2 bytes a number (bf16) or 4.

    With ``kv`` the global layers are coded, but for a tail in bf16. soft_rows: see
    :func:`rows_at_once`. ValueError if ``kv`` names layers that are none of them.
    """
    total, chunk = 0, rows_at_once(soft_rows, context)
    if kv:
        kv.check(config.growing_layers)
    for layer in config.layers:
        if not layer.owns_kv:
            continue
        width = layer.kv_heads * layer.head_size
        if kv is None or layer.window is not None:
            rows = -(-layer_capacity(layer, context, chunk) // SEGMENT) * SEGMENT
            total += 2 * rows * width * number_bytes
            continue
        total += 2 * exact_tail(context, chunk) * width * 2
        if context > LEARN:
            rows, bits = -(-context // SEGMENT) * SEGMENT, kv.at(layer.index)
            keys = config.key_channels(layer) * bits.keys
            values = layer.head_size * bits.values
            total += rows * layer.kv_heads * (keys + values) // 8 + 2 * CODE_PADDING
            total += 2 * rows * layer.kv_heads * _SCALE_BYTES
    return total


def workspace_bytes(config: ModelConfig, context: int, soft_rows: int = 0) -> int:
    """Bytes of what is computed while a chunk is read and logits are sampled; an estimate."""
    rows, hidden, own = rows_at_once(soft_rows, context), config.hidden, config.own_layers
    read = config.layers[:own]
    qkv = max((config.heads + 2 * layer.kv_heads) * layer.head_size for layer in read)
    attended = max(config.heads * layer.head_size for layer in read)
    wide = max(layer.feed_forward for layer in read)
    # The gated activation's inputs, the two halves and their product; then the products' own.
    row = 6 * hidden + qkv + 2 * attended + 4 * wide
    row += config.active_experts * (hidden + 4 * config.expert_feed_forward)
    row += 4 * own * config.per_layer_size
    # A quarter more is what the kernels' own buffers and freed memory took for E2B.
    return 5 * (rows * row + _LOGIT_ROWS * config.vocabulary)


def _per_layer_columns(config: ModelConfig) -> int:
    return len(config.layers) * config.per_layer_size


def _matrices(config: ModelConfig) -> Iterator[tuple[str, int, int, int]]:
    """(kind, outputs, inputs, how many) of every matrix."""
    hidden, size = config.hidden, config.per_layer_size
    yield "embedding", config.vocabulary, hidden, 1 if config.tied else 2
    if size:
        yield "layers", _per_layer_columns(config), hidden, 1
    for layer in config.layers:
        q_width, kv_width = config.heads * layer.head_size, layer.kv_heads * layer.head_size
        kv = (1 if layer.k_is_v else 2) * kv_width if layer.owns_kv else 0
        yield "layers", q_width + kv, hidden, 1
        yield "layers", hidden, q_width, 1
        yield "layers", 2 * layer.feed_forward, hidden, 1
        yield "layers", hidden, layer.feed_forward, 1
        if size:
            yield "layers", size, hidden, 1
            yield "layers", hidden, size, 1
        if config.experts:
            yield "exact", config.experts, hidden, 1
            yield "layers", 2 * config.expert_feed_forward, hidden, config.experts
            yield "layers", hidden, config.expert_feed_forward, config.experts


def _vectors(config: ModelConfig) -> int:
    """Numbers of the norms and other vectors."""
    total = config.hidden + config.per_layer_size
    for layer in config.layers:
        norms = 4 + (1 if config.per_layer_size else 0) + (3 if config.experts else 0)
        total += norms * config.hidden + (2 if layer.owns_kv else 1) * layer.head_size
        total += config.experts
    return total
