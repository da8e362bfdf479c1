"""The design system: spacing, type scale, two themes, one accent. Knows colours, no widgets' work.

The themes follow the system's colour scheme. Every pair of text and ground has a contrast of at
least 4.5 to 1; a test holds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from app.ui.icons import RESOURCES

# Distances, in device-independent pixels.
TIGHT, SMALL, MEDIUM, LARGE, HUGE = 4, 8, 12, 16, 28
RADIUS = 8
ICON_SIZE = 18

# Type scale, relative to the system's own size, so that its text scaling is kept.
CAPTION, BODY, TITLE, HEADLINE = 0.9, 1.0, 1.12, 1.4
_PLAIN_HEIGHT = 18  # of a line at the usual text size; below it nothing shrinks


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one scheme, as #rrggbb."""

    name: str
    window: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    disabled: str  # icons of what cannot be done now
    accent: str
    on_accent: str
    accent_soft: str
    good: str
    caution: str
    bad: str
    bad_soft: str
    caution_soft: str
    desk: str  # behind the pages
    highlight: str  # multiplied with the page, so always a light colour
    highlight_edge: str


LIGHT = Theme(
    name="light",
    window="#f4f2ee",
    surface="#fdfcfa",
    raised="#ffffff",
    border="#dcd8d0",
    text="#1f1e1b",
    muted="#5f5b53",
    disabled="#9b968c",
    accent="#17626b",
    on_accent="#ffffff",
    accent_soft="#dcebec",
    good="#27693a",
    caution="#835000",
    bad="#a3282e",
    bad_soft="#f9e5e3",
    caution_soft="#f7ead2",
    desk="#e4e0d9",
    highlight="#ffe16b",
    highlight_edge="#b98500",
)

DARK = Theme(
    name="dark",
    window="#191b1d",
    surface="#212427",
    raised="#2a2e32",
    border="#3c4146",
    text="#eceae6",
    muted="#aeaba4",
    disabled="#6d7278",
    accent="#7fc8d1",
    on_accent="#0d2629",
    accent_soft="#24393c",
    good="#8bcf9a",
    caution="#e6ba6c",
    bad="#f29a97",
    bad_soft="#402829",
    caution_soft="#3b3120",
    desk="#111315",
    highlight="#ffe16b",
    highlight_edge="#b98500",
)


def system_theme() -> Theme:
    """The theme that the system's colour scheme asks for."""
    dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


class _Current:
    theme: Theme = LIGHT


def current_theme() -> Theme:
    """The theme in use."""
    return _Current.theme


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Paints every window in this theme."""
    _Current.theme = theme
    application.setStyle("Fusion")
    application.setPalette(_palette(theme))
    sheet = (RESOURCES / "themes" / "window.qss").read_text("utf-8")
    values = {name: getattr(theme, name) for name in Theme.__slots__}
    values["arrow"] = (RESOURCES / "icons" / f"arrow-{theme.name}.svg").as_posix()
    application.setStyleSheet(Template(sheet).substitute(values))


def scaled_font(factor: float, *, bold: bool = False) -> QFont:
    """The application's font at a step of the type scale."""
    font = QFont(QApplication.font())
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * factor)
    else:
        font.setPixelSize(round(font.pixelSize() * factor))
    if bold:
        font.setWeight(QFont.Weight.DemiBold)
    return font


def scaled(pixels: float) -> int:
    """A length that grows with the system's text size, such as an icon's beside a word."""
    return round(pixels * max(1.0, QFontMetrics(QApplication.font()).height() / _PLAIN_HEIGHT))


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours after WCAG 2.1, from 1 to 21."""
    lights = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


def _luminance(colour: str) -> float:
    value = QColor(colour)
    parts = (value.redF(), value.greenF(), value.blueF())
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    colours = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.window,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.bad,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.PlaceholderText: theme.muted,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Accent: theme.accent,
    }
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.muted))
    return palette
