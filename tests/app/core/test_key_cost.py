"""What a guess costs: memory first, never under the floor, never over the machine's means."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.key_cost import calibrated_argon2, calibrated_pbkdf2, stretched
from app.core.vault_file import Argon2Cost, Pbkdf2Cost

MIB = 1 << 10  # in KiB


def machine(seconds_a_gib: float):
    """Measures as a machine would that passes over a GiB in so many seconds."""
    return lambda cost: seconds_a_gib * cost.passes * cost.memory_kib / (MIB << 10)


def test_memory_comes_first() -> None:
    cost = calibrated_argon2(machine(0.5), 64 << 20)
    assert (cost.passes, cost.lanes) == (3, 4)
    assert 300 * MIB < cost.memory_kib < 342 * MIB


def test_a_fast_machine_uses_a_gib_and_then_more_passes() -> None:
    cost = calibrated_argon2(machine(0.05), 64 << 20)
    assert cost.memory_kib == 1024 * MIB and cost.passes in (9, 10)


def test_a_slow_or_small_machine_keeps_the_floor() -> None:
    assert calibrated_argon2(machine(50), 64 << 20) == Argon2Cost(3, 64 * MIB, 4)
    small = calibrated_argon2(machine(0.5), 256 * MIB)
    assert small.memory_kib == 64 * MIB and small.passes == 16


@settings(deadline=None)
@given(st.floats(1e-4, 1e4), st.integers(1, 1 << 32))
def test_the_bounds_hold_everywhere(seconds: float, memory_kib: int) -> None:
    cost = calibrated_argon2(machine(seconds), memory_kib)
    assert 64 * MIB <= cost.memory_kib <= max(64 * MIB, min(1024 * MIB, memory_kib // 8))
    assert 3 <= cost.passes <= 16


@settings(deadline=None)
@given(st.floats(1e-12, 1.0))
def test_pbkdf2_has_a_floor_and_a_ceiling(seconds_a_pass: float) -> None:
    cost = calibrated_pbkdf2(lambda cost: max(1e-4, cost.passes * seconds_a_pass))
    assert 600_000 <= cost.passes <= 10_000_000


def test_both_stretch_to_32_bytes() -> None:
    salt = bytes(16)
    costs = (Argon2Cost(1, 64, 1), Pbkdf2Cost(1000))
    keys = {stretched(b"secret", salt, cost) for cost in costs}
    assert len(keys) == 2 and {len(key) for key in keys} == {32}
