"""Measures and shows what each width of keys and values costs a model, and which is in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.cli.plain import say
from app.cli.progress import Progress
from app.core.measuring import measure_kv
from engine.kv_table import KVTable, Stored

_FORMS = {"chat": "a conversation", "plain": "plain text, as the model has no chat template"}


def measure_with_bar(model: Path, limit: float, *, quiet: bool) -> KVTable:
    """Measures a model; gives what was kept."""
    table: KVTable | None = None
    with Progress(quiet=quiet) as progress:
        for event in measure_kv(model, limit):
            if isinstance(event, KVTable):
                table = event
            else:
                progress.show(event)
    assert table is not None
    return table


def table_fields(table: KVTable) -> dict[str, Any]:
    """The figures of ``models kv --json``."""
    return {
        "kv": name_in_use(Stored(table)),
        "limit": table.limit,
        "form": table.form,
        "positions": table.positions,
        "rows": [
            {
                "name": row.kv.name,
                "keys": row.kv.keys,
                "values": row.kv.values,
                "layers": {
                    str(layer): {"keys": bits.keys, "values": bits.values}
                    for layer, bits in row.kv.apart
                },
                "kld": row.kld,
                "top1": row.top1,
                "bits": row.bits,
                "passes": row.kld <= table.limit,
            }
            for row in table.rows
        ],
    }


def name_in_use(stored: Stored) -> str:
    """``exact``, or a width as ``k3v3``; see :attr:`KVBits.name`."""
    return stored.kv.name if stored.kv else "exact"


def print_table(table: KVTable) -> None:
    """For a person, with a mark at the width in use."""
    width = max(len("width"), *(len(row.kv.name) for row in table.rows))
    say(f"{'width':{width}} {'KLD':>9} {'top-1':>8} {'bits':>6}")
    for row in table.rows:
        used = "  in use" if row.kv == table.choice else ""
        say(f"{row.kv.name:{width}} {row.kld:9.5f} {row.top1:6.2f} % {row.bits:6.3f}{used}")
    if table.choice is None:
        say(f"{'exact':{width}} {0:9.5f} {100:6.2f} % {16:6.3f}  in use")
    say(
        f"The smallest width with a KLD of at most {table.limit:g} is used. Measured on "
        f"{table.positions:,} tokens of {_FORMS[table.form]}."
    )
