"""Benchmarks: each measures our part and the bare part it is built on in the same run."""
