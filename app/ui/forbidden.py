"""What the computer's policy forbids is shown so: greyed out, with the reason as its tool tip.

The core forbids it in any case; this only spares a person the way to the error.
"""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.ui.text import tip


def forbid(thing: QAction | QWidget, why: str) -> None:
    """Greys an action or a button out for a reason."""
    thing.setEnabled(False)
    thing.setToolTip(tip(why))
    if isinstance(thing, QWidget):
        thing.setAccessibleDescription(why)
        return
    for menu in thing.associatedObjects():
        if isinstance(menu, QMenu):
            menu.setToolTipsVisible(True)
