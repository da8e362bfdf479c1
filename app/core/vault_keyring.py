"""The operating system's keyring, or a clear error: never another place instead of it.

``keyring`` is imported when first needed: it looks for its backends at import.
"""

from __future__ import annotations

from app.core.vault_errors import KeyringUnusable

SERVICE = "Muniment"
# Below this, `keyring` itself does not recommend a backend (plain text files, none at all).
_LEAST_PRIORITY = 1.0
_REMEDY = "Unlock or install the system's keyring, or use a passphrase."


def read_keyring(library: str) -> str:
    """The entry of the library with this id, as it was written.

    Raises:
        KeyringUnusable
    """
    keyring = _backend()
    try:
        secret = keyring.get_password(SERVICE, library)  # type: ignore[attr-defined]
    except Exception as error:  # each backend has its own
        raise _refused(error) from error
    if not isinstance(secret, str):
        raise KeyringUnusable(
            "The system keyring",
            "It has no entry for this library.",
            "Log in as the user who made the entry, or open the library with another protector.",
        )
    return secret


def write_keyring(library: str, secret: str) -> None:
    """Stores ``secret`` as the entry of the library with this id, and reads it back.

    Raises:
        KeyringUnusable
    """
    keyring = _backend()
    try:
        keyring.set_password(SERVICE, library, secret)  # type: ignore[attr-defined]
    except Exception as error:  # each backend has its own
        raise _refused(error) from error
    if read_keyring(library) != secret:
        raise KeyringUnusable("The system keyring", "It did not keep the key.", _REMEDY)


def forget_keyring(library: str) -> None:
    """Removes the entry of the library with this id.

    Raises:
        KeyringUnusable: also where there is none.
    """
    keyring = _backend()
    try:
        keyring.delete_password(SERVICE, library)  # type: ignore[attr-defined]
    except Exception as error:  # each backend has its own
        raise _refused(error) from error


def _backend() -> object:
    import keyring
    from keyring.backends import chainer

    backend = keyring.get_keyring()
    candidates = [backend]
    if isinstance(backend, chainer.ChainerBackend):
        candidates = list(backend.backends)
    for candidate in candidates:
        if float(candidate.priority) >= _LEAST_PRIORITY:
            return candidate
    raise KeyringUnusable(
        "The system keyring", "This machine offers none that keeps secrets encrypted.", _REMEDY
    )


def _refused(error: Exception) -> KeyringUnusable:
    reason = str(error) or type(error).__name__
    return KeyringUnusable("The system keyring", f"It refused: {reason}.", _REMEDY)
