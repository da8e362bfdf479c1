"""The shell: what people touch, and the orchestration behind it."""
