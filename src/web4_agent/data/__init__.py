"""Data files that ship: canaries, margin items, general samples, neutral prompts, the demo journal."""
