"""Commands for what was asked: the group for kept conversations, and export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.opening import chosen_collection, open_workspace
from app.cli.options import AnyCollection, Json
from app.cli.output import answer_fields, counted, print_answer, print_json
from app.cli.plain import say
from app.cli.program import app
from app.core.events import Answered
from app.core.exporting.answer_paper import REMOVED
from app.core.exporting.citing import clipboard
from app.core.exporting.paper import one_line
from app.core.records import ConversationFound, ConversationInfo, Exchange
from ingest.errors import IngestError

if TYPE_CHECKING:  # loaded when a library is opened
    from app.core.workspace import Workspace

conversations = typer.Typer(
    help="Kept conversations: what was asked, and the answers.", invoke_without_command=True
)
app.add_typer(conversations, name="conversations")

AConversation = Annotated[int, typer.Argument(help="The conversation's number.", min=1)]


@conversations.callback()
def _list_without_a_word(
    context: typer.Context, collection: AnyCollection = None, json_: Json = False
) -> None:
    """Without another word, lists them."""
    if context.invoked_subcommand is None:
        list_conversations(collection, json_)


@conversations.command("list")
def list_conversations(collection: AnyCollection = None, json_: Json = False) -> None:
    """List conversations, the one that went on last first."""
    with open_workspace() as workspace:
        names = _names(workspace, collection)
        found = [info for name in names for info in workspace.conversations(name)]
    found.sort(key=lambda info: info.changed, reverse=True)
    if json_:
        print_json({"conversations": [conversation_fields(info) for info in found]})
        return
    for info in found:
        say(_line(info))
    if not found:
        say("No conversations.")


@conversations.command()
def show(conversation: AConversation, json_: Json = False) -> None:
    """Print a conversation's questions and answers, with the answers' numbers."""
    with open_workspace() as workspace:
        info = workspace.conversation_info(conversation)
        exchanges = workspace.exchanges(conversation)
    if json_:
        fields = {"exchanges": [exchange_fields(exchange) for exchange in exchanges]}
        print_json({"conversation": conversation_fields(info), **fields})
        return
    say(f"{one_line(info.title)} ({info.collection})")
    for exchange in exchanges:
        say(f"\nAnswer {exchange.id}, {exchange.made[:16].replace('T', ' ')} UTC")
        if exchange.record is None:
            say(REMOVED)
            continue
        say(f"{one_line(exchange.record.question)}\n\n{clipboard(exchange.record.answer)}")
        if exchange.changed:
            say(f"Changed since this answer: {', '.join(map(one_line, exchange.changed))}.")


@conversations.command()
def rename(
    conversation: AConversation,
    title: Annotated[str, typer.Argument(help="The new title.")],
    json_: Json = False,
) -> None:
    """Give a conversation another title."""
    with open_workspace() as workspace:
        workspace.rename_conversation(conversation, title)
        info = workspace.conversation_info(conversation)
    if json_:
        print_json({"renamed": conversation_fields(info)})
    else:
        say(f"Conversation {info.id} is now “{one_line(info.title)}”.")


@conversations.command("remove")
def remove_conversation(
    conversation: AConversation,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")] = False,
    json_: Json = False,
) -> None:
    """Remove a conversation with all its answers."""
    with open_workspace() as workspace:
        info = workspace.conversation_info(conversation)
        answers = counted(info.exchanges, "answer")
        if not yes:
            if not sys.stdin.isatty():
                raise IngestError(
                    f"conversation {conversation}",
                    f"Removing it with its {answers} has to be confirmed.",
                    "Add --yes, or run it in a terminal.",
                )
            question = f"Remove “{one_line(info.title)}” with its {answers}?"
            typer.confirm(question, abort=True, err=True)
        workspace.remove_conversation(conversation)
        if json_:
            print_json({"removed": conversation_fields(info)})
        else:
            say(f"Removed “{one_line(info.title)}” with {answers}.")


@conversations.command("search")
def search_conversations(
    words: Annotated[str, typer.Argument(help="Words that all have to be there.")],
    collection: AnyCollection = None,
    json_: Json = False,
) -> None:
    """Find conversations by the words of their titles, questions and answers."""
    with open_workspace() as workspace:
        where = chosen_collection(workspace, collection) if collection else None
        found = workspace.search_conversations(words, where)
    if json_:
        print_json({"found": [found_fields(hit) for hit in found]})
        return
    for hit in found:
        say(_line(hit.conversation))
        if hit.record:
            say(f"       answer {hit.record}: {one_line(hit.excerpt)}")
    if not found:
        say("No conversation holds these words.")


@app.command()
def export(
    answer: Annotated[
        str | None,
        typer.Argument(help="The answer's number; left out with --conversation."),
    ] = None,
    file: Annotated[
        str | None, typer.Argument(help="The file to write, ending in .docx, .pdf or .md.")
    ] = None,
    conversation: Annotated[
        int | None, typer.Option(min=1, help="Export this whole conversation.")
    ] = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Add what it takes to write the same again: passages, model, settings."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    json_: Json = False,
) -> None:
    """Write an answer or a conversation as a document, with footnotes that name page and quotation.

    The file is not encrypted any more; only your user may read it.
    """
    if conversation is not None and file is None:
        answer, file = None, answer  # the only word is the file's name
    if file is None or (answer is None) == (conversation is None):
        raise typer.BadParameter(
            "Name one answer, or a conversation with --conversation, and FILE."
        )
    path, number = Path(file), None if answer is None else _number(answer)
    with open_workspace() as workspace:
        if conversation is not None:
            workspace.export_conversation(conversation, path, with_record=record, replace=force)
        if number is not None:
            workspace.export_answer(number, path, with_record=record, replace=force)
    if json_:
        print_json({"file": str(path), "answer": number, "conversation": conversation})
    else:
        say(f"{path}: {f'answer {number}' if number else f'conversation {conversation}'}")


def conversation_fields(info: ConversationInfo) -> dict[str, Any]:
    """A conversation of ``conversations --json``."""
    return {name: getattr(info, name) for name in ConversationInfo.__slots__}


def exchange_fields(exchange: Exchange) -> dict[str, Any]:
    """An answer of ``conversations show --json``."""
    record = exchange.record
    return {
        "record": exchange.id,
        "made": exchange.made,
        "removed": record is None,
        "changed": list(exchange.changed),
        "answer": None if record is None else answer_fields(record.answer),
    }


def found_fields(hit: ConversationFound) -> dict[str, Any]:
    """A conversation of ``conversations search --json``."""
    return {
        "conversation": conversation_fields(hit.conversation),
        "record": hit.record or None,
        "matches": hit.matches,
        "excerpt": hit.excerpt,
    }


def _number(answer: str) -> int:
    if not answer.isdecimal() or int(answer) < 1:
        raise typer.BadParameter(f"“{answer}” is no answer's number; see: muniment conversations")
    return int(answer)


def _names(workspace: Workspace, collection: str | None) -> list[str]:
    if collection:
        return [chosen_collection(workspace, collection)]
    return [c.name for c in workspace.collections()]


def _line(info: ConversationInfo) -> str:
    notes = f"{info.collection}; {counted(info.exchanges, 'answer')}; {info.changed[:10]}"
    return f"{info.id:>5}  {one_line(info.title)}  ({notes})"


@conversations.command()
def again(
    answer: Annotated[int, typer.Argument(help="The answer's number.", min=1)],
    json_: Json = False,
) -> None:
    """Answer a kept question again, from the same passages with the same model and settings."""
    with open_workspace() as workspace:
        before = workspace.record(answer).answer
        *_, now = workspace.again(answer)
    assert isinstance(now, Answered)
    same = (now.text, now.withheld) == (before.text, before.withheld)
    if json_:
        print_json({"same": same, **answer_fields(now)})
        return
    print_answer(now)
    say("This is the answer that was kept." if same else "The answer that was kept is another.")
