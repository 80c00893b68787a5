"""Floor 7: one file per command: parse, one call, print, exit code."""
