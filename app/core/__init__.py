"""The program without a window: no Qt, no torch."""
