"""Text of documents on its way into a prompt: data, and nothing that looks like the prompt's own.

A document may hold what a chat template is made of, or what we fence passages with, or a number
in brackets like a citation. All of it stays readable, in parentheses; what nobody can see is
taken out. Knows nothing of passages, templates or models. What this does not do: a sentence that
gives orders stays a sentence (docs/injection.md).
"""

from __future__ import annotations

import re

from ingest.unseen import INVISIBLE

LONGEST_LABEL = 120

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Controls but for tab and newline, what is invisible, and what has no meaning outside of a font.
_DROPPED = re.compile(
    f"[\x00-\x08\x0e-\x1f\x7f-\x9f{INVISIBLE}"
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff\ufdd0-\ufdef\ufffe\uffff]"
)

_LESS, _MORE = "<＜‹〈〈⟨❮❬﹤˂ᐸ", ">＞›〉〉⟩❯❭﹥˃ᐳ"
_PIPE = "|｜¦│∣ǀ￨"
_GAP = "\\s{0,8}"  # bounded, as all repetitions here: no text can make this slow
_WORD = "\\w‿⁀⁔︳︴﹍﹎﹏＿▁.:"
# `<|turn>`, `<turn|>`, `<|im_start|>`, `<|"|>`, `<｜end▁of▁sentence｜>`, and with odd spaces.
_INSIDE = f"[{_WORD}\"'/#=-][{_WORD}\"'/#=\\-\\s]{{0,80}}"
_PIPED = re.compile(
    f"[{_LESS}]({_GAP}/?{_GAP}[{_PIPE}]{{1,2}}{_GAP}(?:{_INSIDE})?[{_PIPE}]{{0,2}}{_GAP}"
    f"|{_GAP}/?{_GAP}[^\\W\\d](?:[{_WORD}\\-\\s]{{0,80}})[{_PIPE}]{{1,2}}{_GAP})[{_MORE}]"
)
# Any bare tag: `<start_of_turn>`, `</s>`, `<unused12>`, `<think>`.
_BARE = re.compile(f"[{_LESS}](/?[^\\W\\d]?[{_WORD}-]{{1,80}}/?)[{_MORE}]")
# Tags with attributes or odd spaces, where the name or an attribute gives them away.
_NAMES = (
    "passages?|documents?|docs?|sources?|contexts?|questions?|answers?|quot(?:e|ation)s?|"
    "citations?|system|user|assistant|human|model|developer|tools?|functions?|instructions?|"
    "think(?:ing)?|thought|channel|message|turn|prompt|bos|eos|pad|unk|mask|s|sep|cls|eot|"
    "image|audio|video|(?:start|end|begin|im|tool|function|eot|soft)_\\w{1,60}|unused\\d{0,9}"
)
_NAMED = re.compile(
    f"[{_LESS}]({_GAP}/?{_GAP}(?:{_NAMES})\\b[^{_LESS}{_MORE}\n]{{0,200}})[{_MORE}]", re.I
)
_ATTRIBUTED = re.compile(
    f"[{_LESS}](/?[^\\W\\d][{_WORD}-]{{0,40}}\\s[^{_LESS}{_MORE}=\n]{{0,200}}=[^{_LESS}{_MORE}\n]"
    f"{{0,200}})[{_MORE}]"
)
# A fence that is opened and never closed.
_OPENED = re.compile(f"[{_LESS}]({_GAP}/?{_GAP}(?:passage|document)s?\\b)", re.I)

_SQUARE, _SHUT = "[［【〔⟦", "]］】〕⟧"
_INST = re.compile(
    f"[\\{_SQUARE}]({_GAP}/?{_GAP}(?:INST|SYS|SYSTEM|SYSTEM_PROMPT|USER|ASSISTANT|AVAILABLE_TOOLS|"
    f"TOOL_CALLS?|TOOL_RESULTS?|TOOL_CONTENT|ARGS|CALL_ID|THINK|IMG|IMG_BREAK|IMG_END|CLS|SEP|PAD|"
    f"UNK|BOS|EOS|g?MASK|sMASK|PREFIX|SUFFIX|MIDDLE){_GAP})[\\{_SHUT}]",
    re.I,
)
_CITED = re.compile(
    f"[\\{_SQUARE}]({_GAP}\\d{{1,6}}(?:{_GAP}[,;–†:-]{_GAP}\\w{{1,12}}){{0,20}}{_GAP})[\\{_SHUT}]"
)
_RULES = (_PIPED, _BARE, _NAMED, _ATTRIBUTED, _INST, _CITED)


def clean(text: str) -> str:
    """``text`` of a document, fit to stand in a prompt. Cleaning it twice changes nothing more.

    Signs that cannot be seen, controls (but tab and newline) and private-use characters go. The
    brackets of chat templates' control tokens, of tags, of our own fences and of citations become
    parentheses, also where they are written with odd spaces or look-alikes: ``<|im_start|>`` is
    ``(|im_start|)``, ``</passage>`` is ``(/passage)``, ``[12]`` is ``(12)``.
    """
    text = _LINE_ENDS.sub("\n", text)
    text = _DROPPED.sub("", text)
    before = ""
    while before != text:
        before = text
        for rule in _RULES:
            text = rule.sub(r"(\1)", text)
    return _OPENED.sub(r"(\1", text)


def label(name: str) -> str:
    """A document's name or heading as the value of an attribute between double quotes.

    One line of at most `LONGEST_LABEL` characters, cleaned; no quote or bracket can end it.
    """
    text = " ".join(clean(name).split())
    text = re.sub('["＂]', "'", text)
    text = re.sub(f"[{_LESS}]", "(", text)
    text = re.sub(f"[{_MORE}]", ")", text)
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1].rstrip() + "…"
