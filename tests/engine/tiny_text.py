"""Small real tokenizers for the tests: one made like Gemma's, one byte-level."""

import json
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from tokenizers.models import BPE

CONTROL = [
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<|think|>",
    "<|channel>",
    "<channel|>",
    "<|turn>",
    "<turn|>",
]
SPECIAL = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "eot_token": "<turn|>"}

# Shaped like the template of Gemma 4, in fewer words.
TEMPLATE = """\
{%- macro answer_of(text) -%}
    {%- set ns = namespace(kept='') -%}
    {%- for part in text.split('<channel|>') -%}
        {%- set ns.kept = ns.kept + part.split('<|channel>')[0] -%}
    {%- endfor -%}
    {{- ns.kept | trim -}}
{%- endmacro -%}
{%- set turns = messages -%}
{{ bos_token }}
{%- if enable_thinking or messages[0]['role'] == 'system' -%}
    {{- '<|turn>system\\n' -}}
    {%- if enable_thinking -%}{{- '<|think|>\\n' -}}{%- endif -%}
    {%- if messages[0]['role'] == 'system' -%}
        {{- messages[0]['content'] | trim -}}
        {%- set turns = messages[1:] -%}
    {%- endif -%}
    {{- '<turn|>\\n' -}}
{%- endif -%}
{%- for turn in turns -%}
    {%- if loop.first and turn['role'] == 'assistant' -%}
        {{- raise_exception('The user speaks first.') -}}
    {%- endif -%}
    {{- '<|turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\\n' -}}
    {%- if turn['role'] == 'assistant' -%}
        {{- answer_of(turn['content']) -}}
    {%- else -%}
        {{- turn['content'] | trim -}}
    {%- endif -%}
    {{- '<turn|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|turn>model\\n' -}}
    {%- if not enable_thinking | default(false) -%}
        {{- '<|channel>thought\\n<channel|>' -}}
    {%- endif -%}
{%- endif -%}
"""

LINES = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind.",
    'A record: {"name": "Ada", "born": 1815, "tags": ["mathematics", "engines"], "alive": false}',
    "thought\nuser\nmodel\nsystem\n",
    "Über den Wolken – naïve façades, 日本語の文章, и русский текст.",
    "0 1 2 3 4 5 6 7 8 9 10 -1.5e3 null true false [ ] { } : ,",
]


def gemma_tokenizer(vocabulary: int = 700) -> Tokenizer:
    """BPE with byte fallback; spaces become U+2581, control tokens come first."""
    tokenizer = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        show_progress=False,
        special_tokens=CONTROL + [f"<0x{byte:02X}>" for byte in range(256)],
        limit_alphabet=90,
    )
    tokenizer.train_from_iterator(LINES * 3, trainer)
    # The trainer declares the bytes special; in Gemma's tokenizer they are plain vocabulary.
    data: dict[str, Any] = json.loads(tokenizer.to_str())
    data["added_tokens"] = [one for one in data["added_tokens"] if one["content"] in CONTROL]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", CONTROL.index("<bos>"))]
    )
    tokenizer.add_tokens(
        [
            AddedToken("\n\n", normalized=False),
            AddedToken("<b>"),
            AddedToken("▁▁▁", normalized=False),
        ]
    )
    return tokenizer


def byte_tokenizer(vocabulary: int = 600) -> Tokenizer:
    """Byte-level BPE, as GPT-2's and SmolLM's."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        show_progress=False,
        special_tokens=CONTROL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(LINES * 3, trainer)
    return tokenizer


def write_text(folder: Path, tokenizer: Tokenizer | None = None) -> None:
    """The tokenizer files of a model folder."""
    (tokenizer or gemma_tokenizer()).save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    config = {**SPECIAL, "add_bos_token": True, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "generation_config.json").write_text('{"eos_token_id": [1, 8]}', encoding="utf-8")
