"""Embedders turn text into unit vectors."""
