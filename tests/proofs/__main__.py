"""Runs the proofs and says of each: holds, broken, or could not be run here and why."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.proofs import inventory, journey, materials, traces

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1200
WAYS = ("command-line", "window")


class CannotRun(Exception):
    """A tool or a right is missing here."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One proof's end: ``state`` is holds, broken or skipped."""

    name: str
    state: str
    detail: str
    seconds: float


def main() -> int:
    """Runs them; the exit code is 1 where one is broken, and 0 where all hold or were skipped."""
    proofs: dict[str, Callable[[], str]] = {
        "libraries": prove_libraries,
        **{f"system calls, {way}": lambda way=way: prove_calls(way) for way in WAYS},  # type: ignore[misc]
        **{f"packets, {way}": lambda way=way: prove_packets(way) for way in WAYS},  # type: ignore[misc]
    }
    parser = argparse.ArgumentParser(prog="make proofs", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {'; '.join(proofs)}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = options.names or list(proofs)
    outcomes = []
    for name in chosen:
        outcome = run(name, proofs[name])
        outcomes.append(outcome)
        if not options.json:
            print(f"{outcome.state.upper():8}{name} ({outcome.seconds:.0f} s): {outcome.detail}")
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    skipped = [outcome.name for outcome in outcomes if outcome.state == "skipped"]
    if skipped:
        print(f"NOT PROVEN HERE: {'; '.join(skipped)}", file=sys.stderr)
    return 1 if any(outcome.state == "broken" for outcome in outcomes) else 0


def run(name: str, prove: Callable[[], str]) -> Outcome:
    """One proof, timed."""
    begun = time.monotonic()
    try:
        state, detail = "holds", prove()
    except AssertionError as error:
        state, detail = "broken", str(error)
    except CannotRun as error:
        state, detail = "skipped", str(error)
    return Outcome(name, state, detail, time.monotonic() - begun)


def prove_libraries() -> str:
    """No installed library can reach the network or report without being listed."""
    found, count = inventory.check()
    assert not found, "; ".join(found)
    without = inventory.problems(list(inventory.search(["huggingface-hub"])), [])
    assert without, "the control: a library that is not listed was not noticed"
    return f"{count} libraries have a way out; each is listed with what keeps it still"


def prove_calls(way: str) -> str:
    """No network socket, no name looked up, no file outside the program's folders."""
    _need("strace")
    seen, folder = _traced(way, control=False)
    allowed = [folder / name for name in ("library", "out", "tmp", "run")]
    allowed += [folder / "home" / name for name in (".local/share/muniment", ".config/muniment")]
    _none("a network socket was asked for", seen.sockets)
    _none("a name was looked up", seen.names)
    outside = {p: line for p, line in seen.outside(allowed).items() if not _known(p, folder)}
    _none("a file was written outside the program's folders", outside.values())
    left = [str(path) for path in (folder / "tmp").rglob("*") if path.is_file()]
    _none("a temporary file was left behind", left)
    wild, where = _traced(way, control=True)
    assert wild.sockets and wild.names, "the control: a program that phones home was not noticed"
    assert str(where / "home" / ".stray" / "control.txt") in wild.outside([where / "library"]), (
        "the control: a stray file was not noticed"
    )
    shutil.rmtree(folder.parent)
    shutil.rmtree(where.parent)
    return (
        f"{seen.calls} system calls of sockets and files looked at; the control without the guard "
        f"shows {len(wild.sockets)} on network sockets"
    )


def prove_packets(way: str) -> str:
    """Not one packet, in a network where every packet could be sent."""
    _need("ip")
    packets, interface = _captured(way, control=False)
    _none("a packet was sent", packets)
    wild, _ = _captured(way, control=True)
    assert wild, "the control: a program that phones home sent nothing that was seen"
    return f"0 packets on {interface}; the control without the guard sent {len(wild)}: {wild[0]}"


def _traced(way: str, *, control: bool) -> tuple[traces.Seen, Path]:
    folder = _prepared()
    file = folder.parent / "trace.txt"
    done = _walk([*traces.COMMAND, "-o", str(file)], way, folder, control)
    if not file.exists() or "PTRACE" in done.stderr:
        raise CannotRun(f"strace is not allowed here: {done.stderr.strip()[-200:]}")
    assert control or done.returncode == 0, f"the journey ended early: {done.stderr[-2000:]}"
    return traces.read(file), folder


def _captured(way: str, *, control: bool) -> tuple[list[str], str]:
    folder = _prepared()
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "-n"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        raise CannotRun("network namespaces are not allowed here; run it as root")
    done = _walk([*namespace, sys.executable, "-m", "tests.proofs.capture"], way, folder, control)
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise CannotRun(f"the capture could not begin: {done.stderr.strip()[-300:]}")
    told = json.loads(lines[-1])
    assert control or told["code"] == 0, f"the journey ended early: {done.stderr[-2000:]}"
    shutil.rmtree(folder.parent)
    return list(told["packets"]), str(told["interface"])


def _walk(
    under: list[str], way: str, folder: Path, control: bool
) -> subprocess.CompletedProcess[str]:
    command = [*under, sys.executable, "-m", "tests.proofs.journey", way, str(folder)]
    command += ["--control"] if control else []
    environment = dict(os.environ)
    if way == "window":
        command, environment = _with_display(command, environment)
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS
    )


def _with_display(
    command: list[str], environment: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The window on a display that nobody sees; Xvfb itself is not what is watched."""
    if not shutil.which("xvfb-run"):
        return command, environment | {"QT_QPA_PLATFORM": "offscreen"}
    return ["xvfb-run", "-a", "-s", "-nolisten tcp -screen 0 1400x900x24", *command], environment


def _prepared() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="muniment-proof-")) / "person"
    folder.mkdir()
    materials.make(folder / "read")
    journey.places(folder)
    return folder


def _known(path: str, folder: Path) -> bool:
    """Written by the system's own libraries under the person's name; nothing of a document."""
    cache = str(folder / "home" / ".cache")
    return path == cache or path.startswith((f"{cache}/fontconfig", f"{cache}/mesa_shader_cache"))


def _none(what: str, lines: object) -> None:
    found = list(lines)  # type: ignore[call-overload]
    assert not found, f"{what} ({len(found)} times): {'; '.join(found[:3])}"


def _need(tool: str) -> None:
    if sys.platform != "linux":
        raise CannotRun("this proof needs Linux")
    if not shutil.which(tool):
        raise CannotRun(f"{tool} is not installed")


if __name__ == "__main__":
    sys.exit(main())
