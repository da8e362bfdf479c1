"""Proofs that a security officer can run: ``make proofs`` (or ``python -m tests.proofs``).

Each promise is shown on the real program, in processes of its own, by something that does not
belong to it: the kernel's list of system calls, a capture in a network without an outside. Each
proof is also run on a program whose guard was taken off (`journey.CONTROL`) and must fail there.
"""
