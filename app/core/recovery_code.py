"""A recovery key as people write it down: 60 letters and digits in twelve groups of five.

The alphabet is Crockford's base 32, which has no I, L, O and U; where one is read for a 1, a 0 or
a V, it is taken for that. The first two signs are always MR. The last six are the checksum of
Bech32m (BIP 173 and BIP 350; a BCH code of distance 5 up to 89 signs): up to four wrong signs
are always noticed, more than that go unnoticed once in 2^30 times, and where one or two are wrong,
the program says in which groups. It mends nothing by itself: the person looks at the paper.

Knows no cryptography and no files.
"""

from __future__ import annotations

from functools import cache

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP = 5
GROUPS = 12
KEY_BYTES = 32

_ALIKE = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_BETWEEN = " \t\r\n-–—.,;:"
_VALUES = {sign: value for value, sign in enumerate(ALPHABET)}
_TAG = [_VALUES["M"], _VALUES["R"]]
_CHECK = 6
_SIGNS = GROUP * GROUPS
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CONSTANT = 0x2BC830A3  # of Bech32m


class NoRecoveryKey(ValueError):
    """What was typed is no recovery key; the message says what is wrong with it."""


def encode(key: bytes | bytearray) -> str:
    """The key (32 bytes) as twelve groups with hyphens between them."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"A recovery key has {KEY_BYTES} bytes, not {len(key)}.")
    number = int.from_bytes(key, "big")  # 256 bits in 52 signs of 5: the first begins with four 0
    values = _TAG + [(number >> shift) & 31 for shift in range(51 * 5, -1, -5)]
    rest = _checksum([*values, *[0] * _CHECK]) ^ _CONSTANT
    values += [(rest >> shift) & 31 for shift in range((_CHECK - 1) * 5, -1, -5)]
    signs = "".join(ALPHABET[value] for value in values)
    return "-".join(signs[at : at + GROUP] for at in range(0, _SIGNS, GROUP))


def decode(text: str) -> bytearray:
    """The key that was written as ``text``; capitals and what stands between groups do not matter.

    Raises:
        NoRecoveryKey: with what is wrong, for the person who typed it.
    """
    signs = "".join(sign for sign in text.upper() if sign not in _BETWEEN).translate(_ALIKE)
    strange = sorted({sign for sign in signs if sign not in _VALUES})
    if strange:
        raise NoRecoveryKey(f"“{strange[0]}” stands in no recovery key.")
    if len(signs) != _SIGNS:
        raise NoRecoveryKey(
            f"A recovery key has {_SIGNS} letters and digits; this one has {len(signs)}."
        )
    values = [_VALUES[sign] for sign in signs]
    wrong = _checksum(values) ^ _CONSTANT
    if wrong:
        raise NoRecoveryKey(_place(wrong))
    if values[:2] != _TAG or values[2] > 1:
        raise NoRecoveryKey("It is none of this program's recovery keys, which begin with MR.")
    number = 0
    for value in values[2:-_CHECK]:
        number = number << 5 | value
    return bytearray(number.to_bytes(KEY_BYTES, "big"))


def looks_like_one(text: str) -> bool:
    """Whether a person who was asked for a passphrase has typed a recovery key."""
    try:
        decode(text)
    except NoRecoveryKey:
        return False
    return True


def _checksum(values: list[int]) -> int:
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                state ^= generator
    return state


@cache
def _errors() -> dict[int, int]:
    """What each single wrong sign leaves of the checksum, and the position it stands at."""
    clean = [0] * _SIGNS
    none = _checksum(clean)
    found = {}
    for position in range(_SIGNS):
        for value in range(1, 32):
            found[_checksum([*clean[:position], value, *clean[position + 1 :]]) ^ none] = position
    return found


def _place(wrong: int) -> str:
    """Where it is wrong. The code is linear, so what one error and another leave simply add up."""
    errors = _errors()
    if wrong in errors:
        return f"A sign in group {_group(errors[wrong])} is wrong."
    for left, position in errors.items():
        other = errors.get(wrong ^ left)
        if other is not None:
            first, second = sorted((_group(position), _group(other)))
            if first == second:
                return f"Two signs in group {first} are wrong."
            return f"A sign in group {first} and one in group {second} are wrong."
    return "Several signs are wrong. Compare it with the paper, group by group."


def _group(position: int) -> int:
    return position // GROUP + 1
