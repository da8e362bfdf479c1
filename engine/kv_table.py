"""What coding the KV cache costs a model, as measured: the table beside it. Loads no torch.

:mod:`engine.kv_measure` measures; here the table is kept, and the width chosen from it. It lies in
the model's folder, or beside a GGUF file; where that cannot be written, in a folder that the caller
names. A table of another model, codec or text counts as none, and it is said why.
"""

import contextlib
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from engine.config import open_config
from engine.errors import EngineError
from engine.fingerprint import fingerprint
from engine.widths import CODEC_VERSION, KVBits

FILE_NAME = "muniment-kv.json"
# Raised when an older program could not read what is written. 1 knew no layers with other widths.
FORMAT = 2
# sha256 of resources/measuring/conversation.txt: figures of another text cannot be compared.
TEXT = "5f028bdd398a484f93d38feb0b0df2b834339ed51fbee8ab2c61aaf4bed616cd"
# Mean KLD that is accepted unless another limit is asked for.
LIMIT = 0.03
Form = Literal["chat", "plain"]
_MEASURE = "Measure it with `muniment models kv`."


@dataclass(frozen=True)
class KVRow:
    """One width: mean KL divergence (nats) of the next token's distribution from the exact cache,
    how often the likeliest token is the same (per cent), and bits set aside for a number."""

    kv: KVBits
    kld: float
    top1: float
    bits: float


@dataclass(frozen=True)
class KVTable:
    """Widths in the order measured.

    model: its fingerprint. text: sha256 of what was read. form: as a conversation in the model's
    template, or plain where it has none. positions: how many count. limit: mean KLD accepted.
    """

    model: str
    text: str
    form: Form
    positions: int
    rows: tuple[KVRow, ...]
    limit: float = LIMIT
    codec: int = CODEC_VERSION

    @property
    def choice(self) -> KVBits | None:
        """See :func:`choose`."""
        return choose(self, self.limit)


@dataclass(frozen=True)
class Stored:
    """A table that holds for the model, or None and why there is none; both as a sentence."""

    table: KVTable | None
    note: str = ""

    @property
    def kv(self) -> KVBits | None:
        """The width in use; None keeps the cache exact."""
        return self.table.choice if self.table else None


def choose(table: KVTable, limit: float = LIMIT) -> KVBits | None:
    """The smallest width within the limit; None if there is none: keep the cache exact."""
    fitting = [row for row in table.rows if row.kld <= limit]
    return min(fitting, key=lambda row: (row.bits, row.kld)).kv if fitting else None


def read_table(model: Path, folder: Path | None = None, text: str = TEXT) -> Stored:
    """The table kept for a model.

    folder: where tables lie whose models' places cannot be written; what is there comes first, as
    it is newer. text: sha256 of the text that has to have been read. Raises ModelError if the model
    cannot be read.
    """
    mark = fingerprint(model)
    notes = []
    for path in _places(model, mark, folder):
        if not path.exists():
            continue
        try:
            table = _parse(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            notes.append(f"{path} cannot be read ({error!r}). {_MEASURE}")
            continue
        if reason := _outdated(table, model, mark, text):
            notes.append(f"The KV precision in {path} is outdated: {reason}. {_MEASURE}")
            continue
        return Stored(table, _passing(table))
    missing = "KV precision has not been measured for this model: run `muniment models kv`."
    return Stored(None, notes[0] if notes else missing)


def write_table(model: Path, table: KVTable, folder: Path | None = None) -> Path:
    """Keeps a table, and gives the file it is in.

    Raises EngineError if it can be written neither beside the model nor in ``folder``.
    """
    *own, beside = _places(model, table.model, folder)
    try:
        _write(beside, table)
    except OSError as error:
        if not own:
            raise EngineError(
                str(beside),
                f"It cannot be written ({error.strerror or error}).",
                "Make the model's folder writable.",
            ) from error
        try:
            own[0].parent.mkdir(parents=True, exist_ok=True)
            _write(own[0], table)
        except OSError as second:
            raise EngineError(
                str(own[0]),
                f"It cannot be written ({second.strerror or second}), nor can {beside}.",
                "Make one of the two folders writable.",
            ) from second
        return own[0]
    for path in own:
        # It would be read first.
        with contextlib.suppress(OSError):
            path.unlink()
    return beside


def table_text(table: KVTable) -> str:
    """The contents of the file."""
    rows = [
        {"name": row.kv.name, "kld": row.kld, "top1": row.top1, "bits": row.bits}
        for row in table.rows
    ]
    return json.dumps({"format": FORMAT, **asdict(table), "rows": rows}, indent=2) + "\n"


def _places(model: Path, mark: str, folder: Path | None) -> list[Path]:
    if model.is_dir():
        beside = model / FILE_NAME
    else:
        beside = model.with_name(f"{model.name.removesuffix('.gguf')}.kv.json")
    return [folder / f"{mark}.kv.json", beside] if folder else [beside]


def _write(path: Path, table: KVTable) -> None:
    """Whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(table_text(table))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _parse(data: Any) -> KVTable:
    if int(data["format"]) > FORMAT:
        raise ValueError(f"format {data['format']} is of a newer program, known is {FORMAT}")
    rows = [
        KVRow(
            KVBits.parse(row["name"]),
            _number(row["kld"]),
            _number(row["top1"]),
            _number(row["bits"]),
        )
        for row in data["rows"]
    ]
    if data["form"] not in get_args(Form):
        raise ValueError(f"the form {data['form']!r}")
    return KVTable(
        str(data["model"]),
        str(data["text"]),
        cast(Form, data["form"]),
        int(data["positions"]),
        tuple(rows),
        _number(data["limit"]),
        int(data["codec"]),
    )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"the number {value}")
    return number


def _outdated(table: KVTable, model: Path, mark: str, text: str) -> str:
    if table.model != mark:
        return "it was measured for another model"
    if table.codec != CODEC_VERSION:
        return "it was measured with another version of the codec"
    if table.text != text:
        return "it was measured on another text"
    mixed = [row.kv for row in table.rows if row.kv.apart]
    try:
        layers = open_config(model).growing_layers if mixed else ()
        for kv in mixed:
            kv.check(layers)
    except ValueError as error:
        return f"it names layers that the model does not have ({error})"
    return ""


def _passing(table: KVTable) -> str:
    if table.choice:
        return ""
    least = min((row.kld for row in table.rows), default=math.inf)
    return (
        f"No KV width stays within a KLD of {table.limit:g} (the best has {least:.4f}): keys and "
        "values are kept exactly."
    )
