"""The one place that draws a sheet: for a terminal, as Markdown, as one HTML page. Called by the report commands."""

from web4_agent.steps.sheets.html import as_html
from web4_agent.steps.sheets.markdown import as_markdown
from web4_agent.steps.sheets.text import as_text, draw

__all__ = ["as_html", "as_markdown", "as_text", "draw"]
