"""Commands for the computer's policy: what applies here and why, and whether a file is one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json
from app.cli.output import print_json
from app.cli.plain import say
from app.cli.program import app
from app.core import policy as rules
from app.core import policy_place, vault
from app.core.policy_settings import PolicyError, policy_of

policy = typer.Typer(
    help="The policy of this computer: what its administrator allows.", no_args_is_help=True
)
app.add_typer(policy, name="policy")


@policy.command()
def explain(json_: Json = False) -> None:
    """Say what applies on this computer: every setting, where its value comes from, what it does.

    A user can change none of it: no option, variable or file of theirs is looked at.
    """
    settings = rules.explained(rules.current(), rules.sources())
    where = policy_place.place()
    there = any(setting["source"] != "default" for setting in settings)
    if json_:
        print_json({"place": where, "settings": settings})
        return
    say(f"Policy: {where}" if there else f"No policy is set here. It would be {where}.")
    for setting in settings:
        say(f"\n{setting['setting']} = {_shown(setting['value'])}  ({setting['source']})")
        say(f"    {setting['does']}")


@policy.command()
def check(
    file: Annotated[Path, typer.Argument(help="A policy file, before it is put in its place.")],
    json_: Json = False,
) -> None:
    """Say whether a file is a policy that this program takes, and what it would change."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PolicyError(
            str(file), f"It cannot be read: {error.strerror}.", "Name a file that can be."
        ) from error
    found = policy_of(policy_place.parsed(data, str(file)), str(file))
    escrow = vault.policy_escrow(found)  # says so when its file is missing or is none
    if escrow is None and "escrow" in found.protectors_needed:
        raise PolicyError(
            str(file),
            "protectors.needed asks for the escrow key, and escrow.public_key names none.",
            "Name the key, or take “escrow” out of protectors.needed.",
        )
    changed = rules.changed_settings(found)
    if json_:
        print_json({"file": str(file), "ok": True, "settings": changed})
        return
    say(f"{file} is a policy. What it sets otherwise than a computer without one:")
    for name, value in changed.items():
        say(f"    {name} = {_shown(value)}")
    if not changed:
        say("    nothing")


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value) or "not set"
