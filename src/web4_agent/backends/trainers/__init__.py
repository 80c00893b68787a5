"""Trainers turn samples into an adapter."""
