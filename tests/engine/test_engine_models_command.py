"""``muniment models``: the real command in processes of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tiny import TWO_GLOBAL, write_tiny
from tiny_zeros import write_zeros

from engine.fingerprint import fingerprint
from engine.kv_table import TEXT, KVRow, KVTable, write_table
from engine.widths import KVBits

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "app", "models"]


def run(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == code, result.stderr
    return result


def told(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return fields


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    write_tiny(folder, "e2b")
    return folder


def test_a_model_is_packed_planned_and_described(model: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    done = told("pack", model, packed, "--bits", "8", "--no-measure")
    size = sum(path.stat().st_size for path in packed.iterdir())
    assert done == {"packed": str(packed), "bits": 8, "bytes": size, "kv": None}

    planned = told("plan", packed, "--memory", "8", "--context", "300")
    assert planned["form"] == "packed"
    assert planned["fits"] is True
    assert (planned["context"], planned["memory"]) == (300, 8 * 10**9)
    assert planned["widths"] == {"layers": 8, "embedding": 8}
    assert set(planned["weights"]) == {"8", "32"}
    parts = [*planned["weights"].values(), *(planned[n] for n in ("cache", "workspace", "base"))]
    assert planned["needed"] == sum(parts)

    info = told("info", packed)
    assert (info["form"], info["bits"], info["layers"]) == ("packed", 8, 10)
    assert info["table_numbers"] == 500 * 10 * 32
    assert told("info", model)["form"] == "published"


def test_it_is_told_to_people_too(model: Path, tmp_path: Path) -> None:
    assert "4 bits a weight" in run("pack", model, tmp_path / "packed").stdout
    assert "for 4,096 tokens" in run("plan", model).stdout
    assert "longest context" in run("info", model).stdout


def test_the_width_in_use_is_told_with_the_layers_that_have_another(tmp_path: Path) -> None:
    folder, mixed = tmp_path / "model", KVBits.parse("k3v3+k4v3@9")
    write_tiny(folder, "e2b", **TWO_GLOBAL)
    rows = (KVRow(KVBits(3, 3), 0.04, 90.0, 3.5), KVRow(mixed, 0.02, 94.0, 3.75))
    write_table(folder, KVTable(fingerprint(folder), TEXT, "chat", 1500, rows))

    found = told("kv", folder)
    assert (found["kv"], found["measured"]) == (mixed.name, False)
    three, other = found["rows"]
    assert (three["name"], three["layers"], three["passes"]) == ("k3v3", {}, False)
    assert (other["name"], other["keys"], other["values"]) == (mixed.name, 3, 3)
    assert other["layers"] == {"9": {"keys": 4, "values": 3}}
    for command in ("info", "plan"):
        assert told(command, folder)["kv"] == mixed.name
        assert mixed.name in run(command, folder).stdout

    head, first, second, *_ = run("kv", folder).stdout.splitlines()
    assert second.startswith("k3v3+k4v3@9  ")
    assert second.endswith("  in use")
    assert head.index("KLD") + 3 == first.index("0.04000") + 7 == second.index("0.02000") + 7


def test_what_does_not_fit_is_a_failure_with_its_numbers(model: Path) -> None:
    planned = told("plan", model, "--memory", "0.2", code=1)
    assert planned["fits"] is False
    assert planned["needed"] > planned["memory"] == 200_000_000
    assert set(planned["error"]) == {"subject", "cause", "remedy"}
    result = run("plan", model, "--memory", "0.2", code=1)
    assert "does not fit" in result.stdout
    assert "smaller model" in result.stderr


def test_failures_name_subject_cause_and_remedy(model: Path, tmp_path: Path) -> None:
    for arguments in (("info", tmp_path / "none"), ("plan", tmp_path), ("pack", model, model)):
        error = told(*arguments, code=1)["error"]
        assert all(error[field] for field in ("subject", "cause", "remedy"))
    assert "error" in told("pack", model, tmp_path / "packed", "--bits", "5", code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are other ones there")
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    write_zeros(tmp_path / "large")
    begin = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from app.cli import main; main()"
    )
    arguments = ["models", "pack", str(tmp_path / "large"), str(tmp_path / "packed")]
    process = subprocess.Popen(
        [sys.executable, "-c", begin, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    waited = time.monotonic()
    while not (tmp_path / ".packed.partial" / "model.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() - waited < 60
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "nothing was left behind" in said
    assert [path.name for path in tmp_path.iterdir()] == ["large"]
