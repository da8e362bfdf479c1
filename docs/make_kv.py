"""Brings the figures of ``docs/kv-cache.md`` up to date from what benchmarks printed.

``python docs/make_kv.py [OUTPUT …]``: each OUTPUT is what one of ``kv_quality``, ``passkey``,
``kv_memory``, ``engine`` and ``snapshots`` printed with ``--json``; its last line counts. The
figures are kept in ``docs/kv-figures.json``; the page's tables and the plot are written from that.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plot_kv import FIGURES, FOLDER, PICTURE, plot

PAGE = FOLDER / "kv-cache.md"
NAMES = {
    "q8_0": "q8_0",
    "q4_0": "q4_0",
    "q4_0_rotated": "q4_0, rotated as llama.cpp does",
    "turboquant_k4v4": "TurboQuant alone, K4 V4",
    "turboquant_k3v3": "TurboQuant alone, K3 V3",
}


def keep(figures: dict[str, Any], found: dict[str, Any]) -> None:
    """Puts a benchmark's last line where it belongs; what was there under the same name goes."""
    if "texts" in found:
        figures["layers" if any("@" in name for name in found) else "quality"] = found
    elif "passkey" in found:
        figures["passkey"] = found["passkey"]
    elif "kv_memory" in found:
        row = found["kv_memory"]
        kind = "reading" if "seconds" in row else "allocated"
        figures.setdefault(kind, {})[f"{row['shape']} {row['tokens']} {row['kv']}"] = row
    elif "snapshots" in found:
        row = found["snapshots"]
        figures.setdefault("snapshots", {})[f"{row['shape']} {row['tokens']} {row['kv']}"] = row
    elif "decode_tokens_per_s" in found:
        peer = found.get("peer", {}).get("kv", "alone")
        name = f"{found['shape']} {found['prompt']} {found['kv']} {peer}"
        figures.setdefault("speed", {})[name] = found
    else:
        raise SystemExit(f"not a benchmark's last line: {list(found)}")


def name_of(codec: str) -> str:
    """A codec's name for people: k3v3 -> K3 V3, k3v3+k4v4@5 -> K3 V3, K4 V4 on layer 5."""
    if codec in NAMES:
        return NAMES[codec]
    parted = re.sub(r"\+([^@]*)@(\d+)(?=\+|$)", r", \1 on layer \2", codec)
    parted = re.sub(r"\+([^@]*)@([\d,]+)", r", \1 on layers \2", parted)
    return re.sub(r"k(\d)v(\d)", r"K\1 V\2", parted)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def quality(found: dict[str, Any]) -> str:
    """All codecs by bits, each text and the mean."""
    texts = found["texts"]
    head = ["codec", "bits"]
    head += [f"{figure}, {text}" for figure in ("KLD", "top-1") for text in (*texts, "mean")]
    rows = []
    for codec in sorted((c for c in found if c != "texts"), key=lambda c: found[c]["bits"]):
        each = [*(text[codec] for text in texts.values()), found[codec]]
        row = [name_of(codec), f"{found[codec]['bits']:.2f}"]
        row += [f"{figures['kld']:.4f}" for figures in each]
        row += [f"{figures['top1']:.1f} %" for figures in each]
        rows.append([f"**{cell}**" for cell in row] if codec == "k3v3" else row)
    return table(head, rows)


def passkey(found: dict[str, Any]) -> str:
    """Right answers by length."""
    lengths = [name for name in found if name.isdigit()]
    trials = found["trials"]
    caches = list(found[lengths[0]])
    head = ["tokens"]
    head += [f"{form}, {name_of(cache)}" for form in ("digits", "in words") for cache in caches]
    rows = []
    for length in lengths:
        row = [f"{int(length):,}"]
        for counts in (found[length], found["in_words"][length]):
            row += [f"{counts[cache]} of {trials}" for cache in caches]
        rows.append(row)
    return table(head, rows)


def allocated(found: dict[str, Any]) -> str:
    """Bytes set aside for global layers."""
    return table(
        ["shape, tokens", "cache", "global layers", "smaller than bf16", "bits a number"],
        [
            [
                f"{row['shape'].upper()}, {row['tokens']:,}",
                name_of(row["kv"]),
                f"{row['global_layers_gib']:.3f} GiB",
                f"{row['times_smaller_than_bf16']:.1f} times",
                f"{row['global_layers_bits_per_number']:.2f}",
            ]
            for row in found.values()
        ],
    )


def reading(found: dict[str, Any]) -> str:
    """Memory while reading."""
    return table(
        [
            *("shape, tokens", "cache", "peak", "weights", "keys and values", "the rest"),
            *("reads, tokens/s", "writes, ms a token"),
        ],
        [
            [
                f"{row['shape'].upper()}, {row['tokens']:,}",
                name_of(row["kv"]),
                f"{row['peak_mib']:,} MiB",
                f"{row['weights_mib']:,} MiB",
                f"{row['cache_mib']:,.0f} MiB",
                f"{row['rest_mib']:,} MiB",
                f"{row['tokens_per_s']:.0f}",
                f"{row['write_ms']:.0f}" if row.get("write_ms") else "–",
            ]
            for row in sorted(found.values(), key=lambda row: row["tokens"])
        ],
    )


def speed(found: dict[str, Any]) -> str:
    """Reading / writing, ours and the others of the same run."""
    return table(
        ["shape, tokens", "cache", "ours", "our bf16 cache", "llama.cpp", "its cache", "ratios"],
        [
            [
                f"{row['shape'].upper()}, {row['prompt']:,}",
                name_of(row["kv"]),
                _pace(row),
                _pace(row.get("exact")),
                _pace(row.get("peer")),
                row["peer"]["kv"] if "peer" in row else "–",
                "; ".join(_ratios(row)) or "–",
            ]
            for row in found.values()
        ],
    )


def _pace(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    return f"{row['prefill_tokens_per_s']:.0f} / {row['decode_tokens_per_s']:.1f}"


def _ratios(row: dict[str, Any]) -> Iterator[str]:
    for prefix, other in (("kv_", "bf16"), ("", "llama.cpp")):
        if f"{prefix}decode_ratio" in row:
            both = f"{row[f'{prefix}prefill_ratio']:.2f} / {row[f'{prefix}decode_ratio']:.2f}"
            yield f"{both} of {other}"


def snapshots(found: dict[str, Any]) -> str:
    """A document read once."""
    return table(
        ["shape, tokens", "cache", "read", "restored, to the first token", "faster", "on disk"],
        [
            [
                f"{row['shape'].upper()}, {row['tokens']:,}",
                name_of(row["kv"]),
                f"{row['read_s']:.0f} s",
                f"{row['first_token_s']:.2f} s" + ("" if row["same_bits"] else ", other bits"),
                f"{row['times_faster']:,.0f} times",
                f"{row['disk_mib']:.0f} MiB, {row['disk_bytes_per_token']:,} bytes a token",
            ]
            for row in found.values()
        ],
    )


TABLES = {
    "quality": quality,
    "layers": quality,
    "passkey": passkey,
    "allocated": allocated,
    "reading": reading,
    "speed": speed,
    "snapshots": snapshots,
}


def page(existing: str, figures: dict[str, Any]) -> str:
    """The page with the tables that there are figures for."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: written by docs/make_kv.py -->\n", f"<!-- end of {name} -->\n"
        before, found, rest = existing.partition(begin)
        if name in figures and found:
            existing = before + begin + "\n" + make(figures[name]) + "\n" + end
            existing += rest.partition(end)[2]
    return existing


def main() -> None:
    """Takes in the outputs named, then writes page and plot."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    for name in sys.argv[1:]:
        keep(figures, json.loads(Path(name).read_text(encoding="utf-8").splitlines()[-1]))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")
    if "quality" in figures:
        PICTURE.write_text(plot(figures["quality"]), encoding="utf-8")


if __name__ == "__main__":
    main()
