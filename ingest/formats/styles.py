"""Style of HTML that hides text: inline, or by the simplest rules of a style sheet.

Only what a page says plainly is believed: a class, an identifier or a name of elements. Where a
background may lie under the text, its colour hides nothing.
"""

from __future__ import annotations

import re
from enum import Enum

from bs4 import BeautifulSoup
from bs4.element import Tag

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_AT_RULE = re.compile(r"@[^{;]*(?:;|\{(?:[^{}]*\{[^{}]*\})*[^{}]*\})")
_RULE = re.compile(r"([^{}]{1,2000})\{([^{}]*)\}")
_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?([.#][\w-]+)?", re.I)
_MOST_RULES = 2_000
_MOST_CSS = 200_000  # characters

_NOT_SHOWN = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))(?![\w-])", re.I
)
_AWAY = re.compile(
    r"(?:^|;)\s*(?:text-indent|left|top|right|margin-left|margin-top)\s*:\s*-\d{4,}\s*px|"
    r"(?:^|;)\s*clip\s*:\s*rect\(\s*[01]p?x?[ ,]+[01]p?x?",
    re.I,
)
_SIZE = re.compile(r"(?:^|;)\s*font-size\s*:\s*(\d{0,6}\.?\d{1,6})(px|pt|em|rem|%|)(?![\w.])", re.I)
_SMALLEST = {"px": 2.0, "pt": 1.5, "em": 0.12, "rem": 0.12, "%": 12.0, "": 0.01}
_CLEAR = re.compile(r"(?:^|;)\s*opacity\s*:\s*0?(?:\.0\d*)?\s*(?:;|$)", re.I)
_COLOUR = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)", re.I)
_GROUND = re.compile(r"(?:^|;)\s*background(?:-color|-image)?\s*:\s*([^;!]+)", re.I)
_LIGHT = re.compile(
    r"(?:white|snow|ivory|#f{3}|#f{6}|#f[c-f]f[c-f]f[c-f]|"
    r"rgba?\(\s*25[0-5]\s*,\s*25[0-5]\s*,\s*25[0-5]\s*(?:,[^)]*)?\)|"
    r"transparent|none|inherit|initial|unset|rgba\([^)]*,\s*0(?:\.0\d*)?\s*\))",
    re.I,
)


class Sight(Enum):
    """Whether an element's text is seen."""

    SHOWN = 0
    FOLDED = 1  # a style sheet keeps it back, as it does menus and texts for screen readers
    HIDDEN = 2


class Styles:
    """What the style sheets inside a page hide."""

    def __init__(self, soup: BeautifulSoup) -> None:
        self._declared: dict[str, str] = {}
        self._grounds = False
        sheets = "\n".join(tag.get_text() for tag in soup.find_all("style"))[:_MOST_CSS]
        plain = _AT_RULE.sub("", _COMMENT.sub("", sheets))
        for count, (selectors, declared) in enumerate(_RULE.findall(plain)):
            if count == _MOST_RULES:
                break
            self._grounds = self._grounds or _has_ground(declared)
            if not _says_anything(declared):
                continue
            for selector in selectors.split(","):
                name = selector.strip()
                if name and _SELECTOR.fullmatch(name):
                    self._declared[name] = f"{self._declared.get(name, '')};{declared}"

    def sight(self, tag: Tag) -> Sight:
        """Whether the text of an element is seen, as far as its own style tells."""
        inline = tag.get("style")
        own = inline if isinstance(inline, str) else ""
        declared = ";".join((*self._rules(tag), own)).strip(";")
        if tag.has_attr("hidden") or _keeps_back(own):
            return Sight.HIDDEN
        if not declared and tag.name != "font":
            return Sight.SHOWN
        if _keeps_back(declared):
            return Sight.FOLDED
        if _CLEAR.search(declared):
            return Sight.HIDDEN
        size = _SIZE.search(declared)
        if size and float(size[1]) < _SMALLEST[size[2].lower()]:
            # Letters of no size are also a way to close gaps between boxes that set their own.
            return Sight.SHOWN if self._inside(tag, _SIZE) else Sight.HIDDEN
        colour = _COLOUR.search(declared)
        word = colour[1].strip() if colour else str(tag.get("color") or "").strip()
        if _LIGHT.fullmatch(word) is None or self._is_on_ground(tag, declared):
            return Sight.SHOWN
        return Sight.SHOWN if self._inside(tag, _COLOUR, _GROUND) else Sight.HIDDEN

    def _inside(self, tag: Tag, *patterns: re.Pattern[str]) -> bool:
        """Whether an element inside sets for itself what ``patterns`` tell."""
        for inner in tag.find_all(True):
            if any(inner.has_attr(name) for name in ("color", "bgcolor", "background", "size")):
                return True
            declared = ";".join((*self._rules(inner), str(inner.get("style") or "")))
            if declared.strip(";") and any(pattern.search(declared) for pattern in patterns):
                return True
        return False

    def _rules(self, tag: Tag) -> list[str]:
        if not self._declared:
            return []
        names = [tag.name, *(f".{name}" for name in tag.get_attribute_list("class") if name)]
        if identifier := tag.get("id"):
            names.append(f"#{identifier}")
        names += [f"{tag.name}{name}" for name in names[1:]]
        return [self._declared[name] for name in names if name in self._declared]

    def _is_on_ground(self, tag: Tag, declared: str) -> bool:
        """Whether something may lie under the text that its colour stands out from."""
        if self._grounds or _has_ground(declared):
            return True
        return any(
            up.has_attr("background")
            or (up.has_attr("bgcolor") and not _LIGHT.fullmatch(str(up["bgcolor"]).strip()))
            or _has_ground(str(up.get("style") or ""))
            for up in (tag, *tag.parents)
        )


def _says_anything(declared: str) -> bool:
    return any(p.search(declared) for p in (_NOT_SHOWN, _AWAY, _SIZE, _CLEAR, _COLOUR, _GROUND))


def _keeps_back(declared: str) -> bool:
    return _NOT_SHOWN.search(declared) is not None or _AWAY.search(declared) is not None


def _has_ground(declared: str) -> bool:
    ground = _GROUND.search(declared)
    return ground is not None and not _LIGHT.match(ground[1].strip())
