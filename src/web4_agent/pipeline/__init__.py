"""Floor 4: the crash-safe runner: lock, resume, commit points. Knows nothing of training."""
