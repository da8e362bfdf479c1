"""When to lock: nobody has touched the window for a while, or the screen locks or sleeps.

Linux: the screen saver's ``ActiveChanged`` on the session bus, ``Lock`` of the person's own session
and ``PrepareForSleep`` on the system bus (logind). Windows: session and power messages. Both only
listen, over local sockets; `sources` says to what. Without a bus, the idle time stands alone.

Sources: systemd, org.freedesktop.login1; Windows, WM_WTSSESSION_CHANGE and WM_POWERBROADCAST.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractNativeEventFilter,
    QByteArray,
    QCoreApplication,
    QEvent,
    QObject,
    QTimer,
    Signal,
    Slot,
)

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusConnection

_ACTIVE = {
    QEvent.Type.KeyPress,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.TouchBegin,
    QEvent.Type.Wheel,
}
_CHECK_SECONDS = 5
_BUS_MILLISECONDS = 1000
# interface, signal, slot; each desktop names its own.
_SCREENS = (
    ("org.freedesktop.ScreenSaver", "ActiveChanged"),
    ("org.gnome.ScreenSaver", "ActiveChanged"),
    ("org.cinnamon.ScreenSaver", "ActiveChanged"),
    ("org.mate.ScreenSaver", "ActiveChanged"),
)
# Qt's names of the slots below: a 1 and the signature.
_ON_SCREEN, _ON_SLEEP, _ON_LOCK = "1on_screen(bool)", "1on_sleep(bool)", "1on_lock()"
_LOGIN = "org.freedesktop.login1"
_WM_WTSSESSION_CHANGE, _WTS_SESSION_LOCK = 0x02B1, 7
_WM_POWERBROADCAST, _PBT_APMSUSPEND = 0x0218, 4


def seconds_awake_or_asleep() -> float:
    """A clock that nobody sets and that goes on while the machine sleeps, where there is one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot) if boot is not None else time.monotonic()


class IdleWatch(QObject):
    """Tells when nobody has used the program for some minutes and it has nothing to do.

    ``busy`` says whether it works for the person: what was begun is finished first.
    """

    idle = Signal()

    def __init__(
        self,
        minutes: float,
        busy: Callable[[], bool],
        clock: Callable[[], float] = seconds_awake_or_asleep,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.minutes = minutes
        self._busy = busy
        self._clock = clock
        self._last = clock()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.check)
        self._timer.start(_CHECK_SECONDS * 1000)
        application = QCoreApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() in _ACTIVE:
            self._last = self._clock()
        return False

    def check(self) -> None:
        """Looks at the clock; 0 minutes mean never."""
        if self._busy():
            self._last = self._clock()
        elif self.minutes and self._clock() - self._last >= self.minutes * 60:
            self._last = self._clock()
            self.idle.emit()

    def stop(self) -> None:
        """Watches no longer."""
        self._timer.stop()
        application = QCoreApplication.instance()
        if application is not None:
            application.removeEventFilter(self)


class SessionWatch(QObject):
    """Tells when the screen is locked or the machine goes to sleep."""

    left = Signal(str)  # why, in words

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sources: list[str] = []
        self._filter: _WindowsMessages | None = None
        if sys.platform == "linux":
            self._listen_to_buses()
        elif sys.platform == "win32":
            self._filter = _WindowsMessages(self.left.emit)
            application = QCoreApplication.instance()
            if application is not None:
                application.installNativeEventFilter(self._filter)
                self.sources.append("Windows session and power messages")

    @Slot(bool)
    def on_screen(self, active: bool) -> None:
        """The screen saver came or went."""
        if active:
            self.left.emit("The screen was locked.")

    @Slot(bool)
    def on_sleep(self, begins: bool) -> None:
        """The machine is about to sleep, or has woken."""
        if begins:
            self.left.emit("The machine went to sleep.")

    @Slot()
    def on_lock(self) -> None:
        """The person's session was told to lock."""
        self.left.emit("The session was locked.")

    def _listen_to_buses(self) -> None:
        from PySide6.QtDBus import QDBusConnection, QDBusInterface, QDBusReply

        session = QDBusConnection.sessionBus()
        if session.isConnected():
            for interface, signal in _SCREENS:
                _connect(session, "", interface, signal, self, _ON_SCREEN)
            self.sources.append("screen saver")
        system = QDBusConnection.systemBus()
        if not system.isConnected():
            return
        _connect(system, "", f"{_LOGIN}.Manager", "PrepareForSleep", self, _ON_SLEEP)
        self.sources.append("sleep")
        manager = QDBusInterface(_LOGIN, "/org/freedesktop/login1", f"{_LOGIN}.Manager", system)
        manager.setTimeout(_BUS_MILLISECONDS)
        if not manager.isValid():
            return
        reply = QDBusReply(manager.call("GetSessionByPID", os.getpid()))
        path = getattr(reply.value(), "path", None) if reply.isValid() else None
        if callable(path):
            _connect(system, str(path()), f"{_LOGIN}.Session", "Lock", self, _ON_LOCK)
            self.sources.append("session lock")


def _connect(
    bus: QDBusConnection, path: str, interface: str, signal: str, receiver: QObject, slot: str
) -> None:
    # PySide6 6.11 says bytes in its types, and takes a str only.
    bus.connect("", path, interface, signal, receiver, slot)  # type: ignore[call-overload]


class _WindowsMessages(QAbstractNativeEventFilter):
    """Reads the messages of Windows that say that the person has left."""

    def __init__(self, left: Callable[[str], None]) -> None:
        super().__init__()
        self._left = left

    def nativeEventFilter(
        self, kind: QByteArray | bytes | bytearray | memoryview[int], message: int
    ) -> tuple[bool, int]:
        if bytes(kind) == b"windows_generic_MSG":  # type: ignore[arg-type]
            number, parameter = _message_at(int(message))
            if why := why_left(number, parameter):
                self._left(why)
        return False, 0


def why_left(number: int, parameter: int) -> str:
    """What a message of Windows says of the person, in words; nothing when they are there."""
    if (number, parameter) == (_WM_WTSSESSION_CHANGE, _WTS_SESSION_LOCK):
        return "The screen was locked."
    if (number, parameter) == (_WM_POWERBROADCAST, _PBT_APMSUSPEND):
        return "The machine went to sleep."
    return ""


class _Message(ctypes.Structure):
    """The beginning of Windows' ``MSG``."""

    _fields_ = (
        ("window", ctypes.c_void_p),
        ("number", ctypes.c_uint),
        ("parameter", ctypes.c_size_t),
    )


def _message_at(address: int) -> tuple[int, int]:
    message = _Message.from_address(address)
    return int(message.number), int(message.parameter)


def ask_for_session_messages(window: int) -> bool:
    """Windows sends session messages only to windows that ask; says whether it will."""
    if sys.platform != "win32":
        return False
    return bool(ctypes.windll.wtsapi32.WTSRegisterSessionNotification(window, 0))
