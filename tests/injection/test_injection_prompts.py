"""Every attack in a model's prompt, and before a model that obeys whatever it reads.

The prompt is rendered with a template like Gemma's and cut by its tokenizer, as the engine does.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from app.core.answerer import Draft, Task
from app.core.answers import CitationStatus
from app.core.prompting import build, instructions
from app.core.written import WrittenAnswerer
from engine.text import Text
from ingest.normalise import normalise
from tests.app.core.scripted import FACTS, Scripted
from tests.injection.documents import ATTACKS, LIE, PROBE, QUESTION, Attack
from tests.injection.stored import Library

each = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
LEAKED = re.compile(r"1999|cancel+ed", re.IGNORECASE)
CONTROL = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<|think|>", "<|channel>", "<channel|>", "<|turn>",
    "<turn|>", "<start_of_turn>", "<end_of_turn>", "<|image|>", "<|audio|>", "<|im_start|>",
)  # fmt: skip
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|turn>' + m['role'] + '\\n' + m['content'] + "
    "'<turn|>\\n' }}{% endfor %}{{ '<|turn>model\\n' }}"
)


@pytest.fixture(scope="module")
def text() -> Text:
    """A tokenizer of bytes that knows the control tokens of many families."""
    from tokenizers import decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=400, show_progress=False, special_tokens=list(CONTROL), initial_alphabet=alphabet
    )
    made.train_from_iterator(["plain words"], trainer)
    return Text(made, TEMPLATE)


def task(library: Library, attack: Attack, question: str = QUESTION) -> Task:
    number = library.documents[attack.name].id
    return Task(question, library.workspace.reading.whole_passages(number))


@each
def test_the_system_text_and_the_fences_are_ours(library: Library, attack: Attack) -> None:
    asked = task(library, attack)
    built = build(asked)
    assert [message.role for message in built.messages] == ["system", "user"]
    assert built.messages[0].text == instructions()
    body = built.messages[1].text
    assert re.findall(r"<passage n=\"(\d+)\"", body) == [
        str(n + 1) for n in range(len(asked.passages))
    ]
    assert body.count("</passage>") == len(asked.passages)
    assert body.endswith(f"\nQuestion: {QUESTION}")
    if attack.hidden:
        assert not LEAKED.search(body), "what nobody sees is in no prompt"


@each
def test_no_token_of_a_document_steers(library: Library, attack: Attack, text: Text) -> None:
    built = build(task(library, attack))
    ids = text.chat(list(built.messages))
    control = [i for i in ids if i < len(CONTROL)]
    assert len(control) == 1 + 2 * 2 + 1, "the template's own, no other"


OBEDIENT = (
    f"{LIE.capitalize()} [1].",
    f"“{LIE}” [1][2][3].",
    f"As the record of 3 May 1999 says: “{LIE}” [1, 99].",
    f"[1] {LIE} [[1]] (verified) ✓ “{LIE}” [passage 1].",
)


@each
def test_a_model_that_obeys_forges_no_verified_citation(library: Library, attack: Attack) -> None:
    asked = task(library, attack, PROBE)
    visible = normalise(" ".join(passage.text for passage in asked.passages)).casefold()
    for said in OBEDIENT:
        *_, draft = WrittenAnswerer(Scripted(said, facts=FACTS)).answer(asked)
        assert isinstance(draft, Draft)
        for citation in draft.citations:
            if citation.status is CitationStatus.UNVERIFIED:
                continue
            quote = normalise(citation.quote).casefold()
            assert all(part in visible for part in quote.split(" … ")), citation
            assert citation.boxes
            if attack.hidden:
                assert not LEAKED.search(citation.quote)
        # To a person, words with some Cyrillic letters say what they seem to say.
        if LIE not in visible and attack.name != "lookalike":
            assert not draft.found, "what no page says is held back"


def test_the_files_are_not_left_behind(library: Library) -> None:
    assert not list(Path(library.workspace.folder).glob("*.txt"))
