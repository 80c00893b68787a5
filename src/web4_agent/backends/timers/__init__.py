"""The machine's own schedulers: they call `run --due`; what is due is decided there."""
