"""The library with all attacks, for every test of this folder."""

from tests.injection.stored import library

__all__ = ["library"]
