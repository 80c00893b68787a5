"""Whether what was chosen on one half is better on the other, with the reasons. Called by the story."""

from web4_agent.domain.tuning import Change, Comparison


def verdict(check: Comparison, may_lose: float) -> tuple[bool, tuple[str, ...]]:
    """Better only where the interval of the gain in worth lies above nothing, and that of the recall not more than
    `may_lose` below it."""
    worth, recall = check.change("worth"), check.change("recall")
    told = f"worth {said(worth)} on the {check.after.documents} documents of the half to check on"
    if worth.low <= 0:
        return False, (f"within noise: {told}",)
    if recall.low < -may_lose:
        return False, (told, f"but more than {may_lose:g} of the recall may be lost: {said(recall)}")
    return True, (told, f"recall {said(recall)}")


def said(change: Change) -> str:
    return f"{change.mean:+.4f} ({change.low:+.4f} to {change.high:+.4f})"
