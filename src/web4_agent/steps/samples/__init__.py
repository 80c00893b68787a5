"""Training samples: build, screen, mix, render."""
