"""Contrast of both themes, and that every icon named in the code is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from app.ui import icons, style

UI = Path(style.__file__).parent


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK], ids=lambda t: t.name)
def test_contrast_of_text_is_enough(theme: style.Theme) -> None:
    grounds = (theme.window, theme.surface, theme.raised)
    for colour in (theme.text, theme.muted, theme.accent, theme.good, theme.caution, theme.bad):
        for ground in grounds:
            assert style.contrast(colour, ground) >= 4.5, (colour, ground)
    assert style.contrast(theme.on_accent, theme.accent) >= 4.5
    for colour in (theme.text, theme.muted):
        for ground in (theme.accent_soft, theme.bad_soft):
            assert style.contrast(colour, ground) >= 4.5, (colour, ground)
    assert style.contrast(theme.bad, theme.bad_soft) >= 4.5
    assert style.contrast(theme.caution, theme.caution_soft) >= 4.5
    assert style.contrast("#000000", theme.highlight) >= 10


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK], ids=lambda t: t.name)
def test_theme_applies(qapp: QApplication, theme: style.Theme) -> None:
    style.apply_theme(qapp, theme)
    assert style.current_theme() is theme
    assert qapp.palette().window().color().name() == theme.window
    assert "$" not in qapp.styleSheet()


def test_every_icon_in_use_can_be_drawn() -> None:
    source = "\n".join(file.read_text("utf-8") for file in UI.glob("*.py"))
    patterns = (r'Icon(?:Button|Label)\(\s*"([a-z-]+)"', r'EmptyState\(\s*"([a-z-]+)"')
    names = {name for pattern in patterns for name in re.findall(pattern, source)}
    names |= {"verified", "repaired", "unverified", "warning", "lock", "muniment"}
    assert len(names) > 12
    for name in names:
        image = icons.pixmap(name, "#123456", 24, 2.0).toImage()
        assert image.width() == 48
        drawn = any(image.pixelColor(x, y).alpha() for x in range(48) for y in range(48))
        assert drawn, name


def test_files_stay_small() -> None:
    for file in UI.glob("*.py"):
        assert len(file.read_text("utf-8").splitlines()) <= 400, file.name
