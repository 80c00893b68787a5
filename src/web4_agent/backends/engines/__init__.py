"""Engines serve a base model with at most one adapter, fixed at start."""
