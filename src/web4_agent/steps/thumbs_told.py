"""What the thumbs changed, as lines of the morning's report. Called by the morning; knows no model and no store."""

from web4_agent.domain.thumbs import ThumbsMorning


def thumbs_lines(told: ThumbsMorning) -> list[str]:
    """Markdown: the sentence, and each question asked again with both answers; none where there is nothing to tell."""
    if not told.sentence:
        return []
    lines = ["", "## Thumbs", "", told.sentence, ""]
    for one in told.asked:
        lines += [f"**{'Changed' if one.changed else 'Unchanged'}, asked:**", "", *_quoted(one.question), ""]
        lines += ["**Yesterday:**", "", *_quoted(one.yesterday), "", "**Today:**", "", *_quoted(one.today), ""]
    return lines


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in (text.strip() or "(nothing)").splitlines()]
