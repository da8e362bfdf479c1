"""The C kernels, called on torch tensors. Knows their layouts in memory, nothing of models.

The library is built by ``engine/native/build.py``. Without it, or on a processor it does not know,
:func:`kernels` gives None and the callers use torch's operators instead.

``MUNIMENT_KERNELS`` (``avx512``, ``avx2``, ``generic``, ``none``) or torch's own
``ATEN_CPU_CAPABILITY`` lowers what is used.
"""

import ctypes
import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

F32, BF16, Q8, Q4 = range(4)
PANEL, GROUP, TILE, SEGMENT = 16, 32, 16, 256
LARGEST_FULL_HEAD = 128

_LIBRARY = Path(__file__).parent / "kernels.so"
_P, _INT, _LONG, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float
_SIGNATURES = {
    "linear": [_INT, _P, _LONG, _LONG, _P, _P, _P, _P, _LONG, _LONG, _INT],
    "rms_norm": [_P, _LONG, _LONG, _P, _FLOAT, _P, _FLOAT, _P, _INT],
    "gelu_multiply": [_P, _LONG, _P, _LONG, _LONG, _LONG, _P, _INT],
    "norm_rope": [_P, _LONG, _LONG, _LONG, _LONG, _LONG, _P, _FLOAT, _P, _P, _FLOAT, _INT],
    "softcap": [_P, _LONG, _FLOAT, _INT],
    "store_tiles": [_P, _LONG, _P, _LONG, _LONG, _LONG, _LONG, _INT, _P, _P],
    "attend": [_P, _INT],
    "attend_all": [
        _P, _LONG, _P, _P, _LONG, _LONG, _LONG, _LONG, _LONG, _LONG, _FLOAT, _P, _LONG, _INT
    ],
    "before_attention": [_P, _P, _P, _INT],
    "after_attention": [_P, _P, _P, _P, _INT],
    "rotate": [_P, _LONG, _LONG, _P, _INT, _INT],
    "encode": [_P, _INT],
    "quantize": [_INT, _INT, _INT, _P, _LONG, _LONG, _P, _P, _INT],
}  # fmt: skip


class Stored(ctypes.Structure):
    """``struct stored`` of kernels.h: keys or values of a layer."""

    _fields_ = (
        ("kind", _LONG),
        ("capacity", _LONG),
        ("size", _LONG),
        ("rows", _P),
        ("scales", _P),
        ("levels", _P),
    )


class Attention(ctypes.Structure):
    """``struct attention`` of kernels.h. The caller keeps the tensors whose addresses it holds."""

    _fields_ = (
        ("q", _P),
        ("coded_q", _P),
        ("value_q", _P),
        ("bias", _P),
        ("signs", _P),
        ("weight", _P),
        ("mean", _P),
        ("q_stride", _LONG),
        ("rows", _LONG),
        ("heads", _LONG),
        ("kv_heads", _LONG),
        ("head_size", _LONG),
        ("scale", ctypes.c_double),
        ("keys", Stored),
        ("values", Stored),
        ("coded_keys", Stored),
        ("coded_values", Stored),
        ("base", _LONG),
        ("low", _P),
        ("high", _P),
        ("border", _P),
        ("out", _P),
        ("out_stride", _LONG),
    )


class Form(ctypes.Structure):
    """``struct form`` of kernels.h."""

    _fields_ = (
        ("size", _LONG),
        ("channels", _P),
        ("mean", _P),
        ("weight", _P),
        ("signs", _P),
    )


class Encoding(ctypes.Structure):
    """``struct encoding`` of kernels.h."""

    _fields_ = (
        ("exact_kind", _LONG),
        ("head_size", _LONG),
        ("tiles", _LONG),
        ("exact_keys", _P),
        ("exact_values", _P),
        ("key_form", Form),
        ("value_form", Form),
        ("key_kind", _LONG),
        ("value_kind", _LONG),
        ("key_levels", _P),
        ("value_levels", _P),
        ("keys", _P),
        ("values", _P),
        ("key_scales", _P),
        ("value_scales", _P),
    )


class PackedMatrix(ctypes.Structure):
    """``struct matrix`` of kernels.h."""

    _fields_ = (
        ("kind", _LONG),
        ("outputs", _LONG),
        ("inputs", _LONG),
        ("data", _P),
        ("scales", _P),
        ("minima", _P),
    )


class PackedMatrices(ctypes.Structure):
    """``struct matrices`` of kernels.h."""

    _fields_ = (("count", _LONG), ("parts", PackedMatrix * 3))


class Layer(ctypes.Structure):
    """``struct layer`` of kernels.h. Whoever makes one keeps the tensors it points to."""

    _fields_ = (
        ("hidden", _LONG),
        ("heads", _LONG),
        ("kv_heads", _LONG),
        ("head_size", _LONG),
        ("feed_forward", _LONG),
        ("per_layer_size", _LONG),
        ("owns_kv", _LONG),
        ("k_is_v", _LONG),
        ("value_norm", _LONG),
        ("epsilon", ctypes.c_double),
        ("scalar", ctypes.c_double),
        ("input_norm", _P),
        ("post_attention_norm", _P),
        ("pre_feed_forward_norm", _P),
        ("post_feed_forward_norm", _P),
        ("query_norm", _P),
        ("key_norm", _P),
        ("per_layer_norm", _P),
        ("qkv", PackedMatrices),
        ("output", PackedMatrices),
        ("gate_up", PackedMatrices),
        ("down", PackedMatrices),
        ("per_layer_gate", PackedMatrices),
        ("per_layer_projection", PackedMatrices),
    )


class LayerRows(ctypes.Structure):
    """``struct layer_rows`` of kernels.h."""

    _fields_ = (
        ("rows", _LONG),
        ("x", _P),
        ("cosine", _P),
        ("sine", _P),
        ("per_layer", _P),
        ("per_layer_stride", _LONG),
        ("workspace", _P),
    )


class Kernels:
    """The library's functions. All tensors are contiguous fp32 on the CPU unless said otherwise."""

    def __init__(self, library: ctypes.CDLL, threads: int) -> None:
        self.threads = threads
        self.name = str(library.muniment_name().decode())
        for name, arguments in _SIGNATURES.items():
            function = getattr(library, f"muniment_{name}")
            function.argtypes, function.restype = arguments, None
            setattr(self, f"_{name}", function)

    def linear(
        self,
        kind: int,
        x: torch.Tensor,
        weights: torch.Tensor,
        scales: torch.Tensor | None,
        minima: torch.Tensor | None,
        outputs: int,
    ) -> torch.Tensor:
        """[rows, inputs] times packed weights (kernels.h has the layouts): [rows, outputs]."""
        rows, inputs = x.shape
        y = torch.empty(rows, outputs)
        self._linear(  # type: ignore[attr-defined]
            kind, x.data_ptr(), rows, inputs, weights.data_ptr(), _address(scales),
            _address(minima), y.data_ptr(), outputs, outputs, self.threads,
        )  # fmt: skip
        return y

    def rms_norm(
        self,
        x: torch.Tensor,
        weight: torch.Tensor | None,
        epsilon: float,
        residual: torch.Tensor | None = None,
        factor: float = 1.0,
    ) -> torch.Tensor:
        """(norm(x) * weight + residual) * factor, row by row."""
        out = torch.empty_like(x)
        width = x.shape[-1]
        self._rms_norm(  # type: ignore[attr-defined]
            x.data_ptr(), x.numel() // width, width, _address(weight), epsilon, _address(residual),
            factor, out.data_ptr(), self.threads,
        )  # fmt: skip
        return out

    def gelu_multiply(self, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        """gelu(gate) * up for two [rows, width]; rows may be strided, columns not."""
        rows, width = gate.shape
        out = torch.empty(rows, width)
        self._gelu_multiply(  # type: ignore[attr-defined]
            gate.data_ptr(), gate.stride(0), up.data_ptr(), up.stride(0), rows, width,
            out.data_ptr(), self.threads,
        )  # fmt: skip
        return out

    def norm_rope(
        self,
        x: torch.Tensor,
        heads: int,
        weight: torch.Tensor | None,
        epsilon: float,
        cosine: torch.Tensor | None,
        sine: torch.Tensor | None,
        parts: int = 1,
    ) -> None:
        """In place on x [rows, heads * size], rows may be strided: heads normed, then rotated,
        each of a head's ``parts`` by itself.
        """
        rows, width = x.shape
        self._norm_rope(  # type: ignore[attr-defined]
            x.data_ptr(), x.stride(0), rows, heads, width // heads, parts, _address(weight),
            epsilon, _address(cosine), _address(sine), 1.0, self.threads,
        )  # fmt: skip

    def softcap(self, x: torch.Tensor, cap: float) -> None:
        """In place: cap * tanh(x / cap)."""
        self._softcap(x.data_ptr(), x.numel(), cap, self.threads)  # type: ignore[attr-defined]

    def store_tiles(
        self,
        keys: torch.Tensor,
        values: torch.Tensor,
        first: int,
        key_tiles: torch.Tensor,
        value_tiles: torch.Tensor,
    ) -> None:
        """Stores [rows, size] of one head, rows strided, at positions first, first + 1, ..."""
        self._store_tiles(  # type: ignore[attr-defined]
            keys.data_ptr(), keys.stride(0), values.data_ptr(), values.stride(0), keys.shape[0],
            keys.shape[1], first, key_tiles.dtype == torch.bfloat16, key_tiles.data_ptr(),
            value_tiles.data_ptr(),
        )  # fmt: skip

    def attend(self, job: "Attention") -> torch.Tensor:
        """Runs an attention job: [rows, heads * D]; see :class:`Attention`."""
        out = torch.empty(job.rows, job.heads * job.head_size)
        job.out, job.out_stride = out.data_ptr(), job.heads * job.head_size
        self._attend(ctypes.addressof(job), self.threads)  # type: ignore[attr-defined]
        return out

    def attend_all(
        self,
        q: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        positions: int,
        scale: float,
    ) -> torch.Tensor:
        """softmax(scale * q K) V of q [rows, heads * D], every row over all positions.

        keys and values [kv heads, capacity, D], of which the first ``positions`` are attended; D
        and capacity are multiples of 8, D at most :data:`LARGEST_FULL_HEAD`. Gives [rows, heads *
        D].
        """
        kv_heads, capacity, size = keys.shape
        out = torch.empty(q.shape)
        self._attend_all(  # type: ignore[attr-defined]
            q.data_ptr(), q.stride(0), keys.data_ptr(), values.data_ptr(), q.shape[0], positions,
            capacity, q.shape[1] // size, kv_heads, size, scale, out.data_ptr(), out.stride(0),
            self.threads,
        )  # fmt: skip
        return out

    def before_attention(self, layer: "Layer", rows: "LayerRows", qkv: torch.Tensor) -> None:
        """Fills qkv [rows, queries, keys and values side by side]."""
        self._before_attention(  # type: ignore[attr-defined]
            ctypes.addressof(layer), ctypes.addressof(rows), qkv.data_ptr(), self.threads
        )

    def after_attention(
        self, layer: "Layer", rows: "LayerRows", attended: torch.Tensor, out: torch.Tensor
    ) -> None:
        """Fills out [rows, hidden] from the layer's input and what was attended."""
        self._after_attention(  # type: ignore[attr-defined]
            ctypes.addressof(layer), ctypes.addressof(rows), attended.data_ptr(), out.data_ptr(),
            self.threads,
        )  # fmt: skip

    def rotate(self, x: torch.Tensor, signs: torch.Tensor, back: bool = False) -> None:
        """In place on [..., D], D a power of two: H (signs * x) / sqrt(D), or back from it."""
        size = x.shape[-1]
        self._rotate(  # type: ignore[attr-defined]
            x.data_ptr(), x.numel() // size, size, signs.data_ptr(), back, self.threads
        )

    def encode(self, job: "Encoding") -> None:
        """Codes a stretch of one head's exact tiles; see :class:`Encoding`."""
        self._encode(ctypes.addressof(job), self.threads)  # type: ignore[attr-defined]

    def quantize(
        self,
        weight: torch.Tensor,
        bits: int,
        data: torch.Tensor,
        scales: torch.Tensor,
        *,
        panels: bool = True,
    ) -> None:
        """Rounds fp32 or bf16 [rows, inputs] into data and scales, in panels or row by row."""
        rows, inputs = weight.shape
        self._quantize(  # type: ignore[attr-defined]
            bits, panels, weight.dtype == torch.bfloat16, weight.data_ptr(), rows, inputs,
            data.data_ptr(), scales.data_ptr(), self.threads,
        )  # fmt: skip


def _address(tensor: torch.Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def wanted() -> list[str]:
    """The instruction sets that may be used, best first."""
    order = ["avx512", "avx2", "generic"]
    limit = os.environ.get("MUNIMENT_KERNELS", "").lower()
    if not limit and os.environ.get("ATEN_CPU_CAPABILITY", "").lower() in ("avx2", "default"):
        limit = {"avx2": "avx2", "default": "generic"}[os.environ["ATEN_CPU_CAPABILITY"].lower()]
    if limit == "none":
        return []
    return order[order.index(limit) :] if limit in order else order


@cache
def kernels() -> Kernels | None:
    """The best kernels this processor runs correctly, or None if the library is not there."""
    if not _LIBRARY.exists():
        return None
    library = ctypes.CDLL(str(_LIBRARY))
    library.muniment_name.restype = ctypes.c_char_p
    library.muniment_use.argtypes = [ctypes.c_char_p]
    for name in wanted():
        if library.muniment_use(name.encode()) and _agrees(found := Kernels(library, threads())):
            return found
    return None


def claim_threads() -> None:
    """Leaves torch one thread where the kernels do the work: two spinning pools slow each other."""
    if kernels() is not None:
        torch.set_num_threads(1)


@contextmanager
def lend_threads() -> Generator[None, None, None]:
    """Gives torch, for its own attention, the threads that otherwise belong to the kernels."""
    native, before = kernels(), torch.get_num_threads()
    if native is not None:
        torch.set_num_threads(native.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads() -> int:
    """As many threads as torch uses: its setting holds for both."""
    return torch.get_num_threads()


def _agrees(found: Kernels) -> bool:
    """Whether a small product comes out right: an instruction set is tried before it is trusted."""
    generator = torch.Generator().manual_seed(0)
    q = torch.randint(0, 16, (PANEL, GROUP), generator=generator, dtype=torch.uint8)
    halves = q.view(PANEL, GROUP // 8, 2, 4)
    packed = (halves[:, :, 0] | (halves[:, :, 1] << 4)).permute(1, 0, 2).contiguous()
    x = torch.randint(-127, 128, (11, GROUP), generator=generator).float()
    x[:, 0] = 127
    scales = torch.full((1, PANEL), 0.5, dtype=torch.float16)
    expected = x @ (q.float() - 8).T * 0.5
    return torch.equal(found.linear(Q4, x, packed, scales, None, PANEL), expected)
