"""What a model folder or file holds, from its headers alone. Loads no torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.config import ModelConfig, read_config
from engine.errors import DamagedModel
from engine.packed_notes import TOWERS, is_packed, read_notes
from engine.safetensors_file import SafetensorsFolder, read_header
from engine.sizes import weight_numbers

_TOWERS = ("vision", "audio")


@dataclass(frozen=True)
class ModelInfo:
    """``form`` is published, packed or gguf; ``bits`` the width of a packed model's layers.

    ``numbers`` counts the decoder's weights, ``table_numbers`` those of the per-layer embeddings
    beside them. ``window`` is that of the sliding layers. ``towers`` are what sees and hears.
    """

    name: str
    form: str
    family: str
    numbers: int
    table_numbers: int
    bits: int | None
    disk_bytes: int
    layers: int
    hidden: int
    heads: int
    vocabulary: int
    longest_context: int
    window: int | None
    experts: int
    active_experts: int
    tokenizer: bool
    template: bool
    towers: tuple[str, ...]


def inspect_model(path: Path) -> ModelInfo:
    """Looks into a published folder, a packed folder or a GGUF file.

    Raises ModelError if it cannot be used.
    """
    if not path.exists():
        raise DamagedModel(str(path), "There is no such model.", "Name a model's folder or file.")
    if path.is_file():
        return _gguf(path)
    config = read_config(path)
    packed = is_packed(path)
    names = list(SafetensorsFolder(path).entries)
    if packed:
        names = list(read_header(path / TOWERS)[0]) if (path / TOWERS).exists() else []
    return _info(
        path,
        config,
        form="packed" if packed else "published",
        bits=read_notes(path).widths.layers if packed else None,
        disk_bytes=sum(file.stat().st_size for file in path.iterdir() if file.is_file()),
        tokenizer=(path / "tokenizer.json").exists(),
        template=_has_template(path),
        towers=tuple(tower for tower in _TOWERS if any(tower in name for name in names)),
    )


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists() or (folder / "chat_template.json").exists():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.exists() and '"chat_template"' in settings.read_text(encoding="utf-8")


def _gguf(path: Path) -> ModelInfo:
    from engine.gguf_config import gguf_config
    from engine.gguf_reader import GgufReader

    reader = GgufReader(path)
    files = {tensor.path for tensor in reader.tensors.values()}
    return _info(
        path,
        gguf_config(path, reader),
        form="gguf",
        bits=None,
        disk_bytes=sum(file.stat().st_size for file in files),
        tokenizer=reader.get("tokenizer.ggml.model") is not None,
        template=reader.get("tokenizer.chat_template") is not None,
        towers=(),
    )


def _info(
    path: Path,
    config: ModelConfig,
    *,
    form: str,
    bits: int | None,
    disk_bytes: int,
    tokenizer: bool,
    template: bool,
    towers: tuple[str, ...],
) -> ModelInfo:
    counts = weight_numbers(config)
    return ModelInfo(
        name=path.resolve().name,
        form=form,
        family=config.family,
        numbers=sum(counts.values()) - counts["table"],
        table_numbers=counts["table"],
        bits=bits,
        disk_bytes=disk_bytes,
        layers=len(config.layers),
        hidden=config.hidden,
        heads=config.heads,
        vocabulary=config.vocabulary,
        longest_context=config.context,
        window=next((layer.window for layer in config.layers if layer.window), None),
        experts=config.experts,
        active_experts=config.active_experts,
        tokenizer=tokenizer,
        template=template,
        towers=towers,
    )
