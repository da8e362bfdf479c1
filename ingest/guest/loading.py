"""Loads what libraries would load when they first need it, as guests cannot open files any more.

Found by watching which modules readers import late; `tests/ingest/guest/test_sandbox.py` watches.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

# Packages of which a file decides what is needed: every text encoding, every part of a message.
_WHOLE = ("encodings", "email")
_LATER = (
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.MpoImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin",
    "PIL.ImageCms",
    "_strptime",
    "unicodedata",
    "docx.image.image",
    "numpy.linalg",
)
# Encodings that exist on Windows only, or that reach for programs of their own.
_ELSEWHERE = ("encodings.mbcs", "encodings.oem", "encodings.cp65001")


@functools.cache
def load_all() -> None:
    """Imports them, once."""
    for name in _WHOLE:
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            if module.name not in _ELSEWHERE:
                importlib.import_module(module.name)
    for name in _LATER:
        importlib.import_module(name)
    _look_up_encodings()
    _keep_styles()


def _look_up_encodings() -> None:
    """The registry keeps what was found, so that nothing is looked for again under that name."""
    import codecs
    from encodings.aliases import aliases

    for name in {*aliases, *aliases.values()}:
        try:
            codecs.lookup(name)
        except LookupError:
            continue  # one of another system's


def _keep_styles() -> None:
    """python-docx opens a template for every package without styles of its own."""
    from docx.parts.styles import StylesPart

    template = StylesPart._default_styles_xml()
    StylesPart._default_styles_xml = classmethod(lambda _: template)
