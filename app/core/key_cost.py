"""How dear each guess of a passphrase is made: about half a second on this machine.

Argon2id (RFC 9106): four lanes, three passes, and as much memory as half a second takes, but at
least the 64 MiB of the RFC's second recommended option and at most an eighth of the machine's
memory or 1 GiB; only where that takes less than half a second, more passes. PBKDF2-HMAC-SHA256, in
FIPS mode: as many passes as half a second takes, at least 600,000 (OWASP, 2023).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from app.core.vault_file import Argon2Cost, Cost, Pbkdf2Cost

SECONDS = 0.5
LEAST_ARGON2 = Argon2Cost(passes=3, memory_kib=64 << 10, lanes=4)
LEAST_PBKDF2_PASSES = 600_000
_MOST_MEMORY_KIB = 1 << 20
_SHARE = 8
_STEP_KIB = 4 << 10
_MOST_ARGON2_PASSES = 16
_MOST_PBKDF2_PASSES = 10_000_000
_SALT = bytes(16)  # of trials only


def calibrated(*, fips: bool) -> Cost:
    """What a passphrase that is set now should cost; takes a few tenths of a second itself."""
    import psutil  # only here: the window starts without it

    if fips:
        return calibrated_pbkdf2(_seconds)
    return calibrated_argon2(_seconds, psutil.virtual_memory().total >> 10)


def calibrated_argon2(measure: Callable[[Argon2Cost], float], memory_kib: int) -> Argon2Cost:
    """Argon2id's parameters. ``measure`` gives the seconds that some take; ``memory_kib`` there is.

    Time grows in step with memory and with passes, so that two trials are enough.
    """
    floor = LEAST_ARGON2
    most = max(floor.memory_kib, min(_MOST_MEMORY_KIB, memory_kib // _SHARE))
    wanted = int(floor.memory_kib * SECONDS / measure(floor))
    memory = min(most, max(floor.memory_kib, wanted)) // _STEP_KIB * _STEP_KIB
    cost = Argon2Cost(floor.passes, memory, floor.lanes)
    if wanted <= most:
        return cost
    passes = int(floor.passes * SECONDS / measure(cost))
    return Argon2Cost(min(_MOST_ARGON2_PASSES, max(floor.passes, passes)), memory, floor.lanes)


def calibrated_pbkdf2(measure: Callable[[Pbkdf2Cost], float]) -> Pbkdf2Cost:
    """PBKDF2's passes; ``measure`` gives the seconds that some take."""
    trial = Pbkdf2Cost(LEAST_PBKDF2_PASSES // 4)
    passes = int(trial.passes * SECONDS / measure(trial))
    return Pbkdf2Cost(min(_MOST_PBKDF2_PASSES, max(LEAST_PBKDF2_PASSES, passes)))


def stretched(secret: bytes, salt: bytes, cost: Cost) -> bytes:
    """The wrapping key (32 bytes) that a passphrase gives.

    Raises:
        argon2.exceptions.HashingError: the machine has not the memory.
    """
    if isinstance(cost, Pbkdf2Cost):
        return PBKDF2HMAC(SHA256(), 32, salt, cost.passes).derive(secret)
    return hash_secret_raw(
        secret,
        salt,
        time_cost=cost.passes,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=32,
        type=Type.ID,
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _seconds(cost: Cost) -> float:
    """The seconds that a trial takes, or would take if nothing else used the processor."""
    threads = 1
    if isinstance(cost, Argon2Cost):
        threads = max(1, min(cost.lanes, _processors()))
    begun, worked = time.perf_counter(), time.process_time()
    stretched(b"a trial", _SALT, cost)
    alone = (time.process_time() - worked) / threads
    return max(1e-4, min(time.perf_counter() - begun, alone))
