"""Readers need nothing that they could not have any more, whatever the file; and the report."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docx
import pymupdf
import pytest
from PIL import Image

from ingest import reading
from ingest.guest import hardening, sandbox, seccomp
from ingest.guest.launch import ForkServer, Spawner
from ingest.reading import FileRead, read_file
from tests.ingest.hostile.zip_bombs import word

if sys.platform != "linux":
    pytest.skip("Linux's own measures", allow_module_level=True)

MANY_SCRIPTS = "Wörter αβγ Привет שלום مرحبا नमस्ते สวัสดี 你好 こんにちは 안녕 ∑∫√ 😀 አማርኛ தமிழ்"
ENCODINGS = {
    "iso-2022-jp": "日本語", "big5": "漢字", "gb2312": "中文", "euc-kr": "한국", "koi8-r": "Привет",
    "iso-8859-7": "αβγ", "windows-1255": "שלום", "utf-7": "ä", "hz": "中文", "cp437": "é",
    "shift_jis": "日本", "punycode": "ä", "no-such-encoding": "",
}  # fmt: skip
IMAGES = (
    ("PNG", "1 L LA P RGB RGBA I;16"), ("JPEG", "L RGB CMYK"), ("TIFF", "1 L RGB CMYK I;16 F"),
    ("WEBP", "RGB RGBA"),
)  # fmt: skip
COMPRESSIONS = ("tiff_lzw", "tiff_deflate", "group4", "jpeg", "packbits", "zstd", "lzma")


def files() -> dict[str, bytes]:
    """A file of every kind, and of what a kind may ask a library for."""
    document = pymupdf.open()
    document.new_page().insert_text((72, 100), "Words")
    made = {
        "a.pdf": document.tobytes(),
        "aes.pdf": document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw=""),
        "a.txt": f"TITLE\n=====\n\n{MANY_SCRIPTS}\n\nName  Dose\nA     5 mg\n".encode(),
        "u16.txt": MANY_SCRIPTS.encode("utf-16"),
        "a.md": f"# A\n\n|a|b|\n|-|-|\n|1|2|\n\n{MANY_SCRIPTS}\n\n```\nx\n```\n".encode(),
        "a.html": f"<meta charset=utf-8><style>p{{color:red}}</style><p>{MANY_SCRIPTS}".encode(),
        "broken.html": b"<html><p>" + bytes(range(32, 256)),
        "no-styles.docx": word(),
        "a.docx": _docx(),
    }
    for encoding, text in ENCODINGS.items():
        known = encoding != "no-such-encoding"
        data = text.encode(encoding) if known else b"\xff\xfe\xfd"
        subject = base64.b64encode(data).decode()
        head = f"Date: Mon, 2 Feb 2026 10:00:00\nSubject: =?{encoding}?B?{subject}?=\n"
        made[f"{encoding}.eml"] = (
            f"{head}MIME-Version: 1.0\nContent-Type: text/plain; charset={encoding}\n\n".encode()
            + data
        )
        made[f"{encoding}.html"] = (
            f"<html><head><meta charset={encoding}></head><p>".encode() + data
        )
    for kind, modes in IMAGES:
        for mode in modes.split():
            made[f"{mode.replace(';', '')}.{kind.lower()}"] = _image(kind, mode)
    for compression in COMPRESSIONS:
        mode = "1" if compression == "group4" else "RGB"
        made[f"{compression}.tiff"] = _image("TIFF", mode, compression=compression)
    return made


def _image(kind: str, mode: str, **options: str) -> bytes:
    written = io.BytesIO()
    Image.new(mode, (30, 20)).save(written, kind, **options)
    return written.getvalue()


def _docx() -> bytes:
    written = io.BytesIO()
    document = docx.Document()
    document.add_heading("A", 1)
    document.add_paragraph(MANY_SCRIPTS, style="List Number")
    document.add_table(2, 2).cell(0, 0).text = "x"
    document.add_picture(io.BytesIO(_image("PNG", "RGB")))
    document.save(written)
    return written.getvalue()


@pytest.fixture(scope="module")
def watching() -> Iterator[ForkServer]:
    server = ForkServer(("ingest.guest.jobs", "misbehaving"))
    yield server
    server.close()


def test_nothing_is_opened_or_loaded_late(
    watching: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_JOB", "misbehaving:watched")
    for name, data in files().items():
        path = tmp_path / name
        path.write_bytes(data)
        last = list(read_file(path, launcher=watching))[-1]
        assert isinstance(last, FileRead), name
        assert last.pages, name


def test_a_guest_of_its_own_reads_them_as_well(tmp_path: Path) -> None:
    for name in ("no-styles.docx", "euc-kr.eml", "zstd.tiff"):
        path = tmp_path / name
        path.write_bytes(files()[name])
        assert isinstance(list(read_file(path, launcher=Spawner()))[-1], FileRead)


def test_the_report_says_what_was_tried(watching: ForkServer) -> None:
    report = sandbox.sandbox_report(watching)
    assert report.holds
    assert set(report.tried) == set(sandbox.ATTEMPTS)
    assert report.limits
    assert report.system_calls
    assert report.landlock or "Landlock" in " ".join(report.missing)
    assert "tried and stopped" in report.sentence()


def test_the_report_notices_what_does_not_hold(tmp_path: Path) -> None:
    """The same in a program whose guests give up nothing."""
    program = tmp_path / "program.py"
    program.write_text(
        "from ingest.guest import child, hardening, sandbox\n"
        "from ingest.guest.launch import ForkServer\n"
        "import sys\n"
        "if __name__ == '__main__':\n"
        "    server = ForkServer(('ingest.guest.jobs', 'unhardened'))\n"
        "    report = sandbox.sandbox_report(server)\n"
        "    server.close()\n"
        "    print(report.holds, report.sentence())\n"
    )
    (tmp_path / "unhardened.py").write_text(
        "from ingest.guest import child, hardening\n"
        "child.harden = lambda *_: hardening.Measures(False, False, 0)\n"
    )
    root = Path(hardening.__file__).parents[2]
    code = f"import sys; sys.path[:0] = [{str(root)!r}, {str(tmp_path)!r}]; import runpy; "
    code += f"runpy.run_path({str(program)!r}, run_name='__main__')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("False")
    for name in ("reading a file", "starting a program", "a process of its own"):
        assert name in ran.stdout.partition("NOT stopped:")[2]


def test_an_unknown_processor_has_no_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "vax")  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="vax"):
        seccomp.this_machine()
