"""Floor 5: one story a file, top to bottom; flows do not import each other."""
