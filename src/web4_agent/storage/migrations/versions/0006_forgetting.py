"""Forgetting: what was asked to be forgotten, and how far that is."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""
