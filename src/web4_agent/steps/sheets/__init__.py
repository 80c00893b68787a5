"""The one place that draws a sheet: for a terminal (`text`), as Markdown, as one HTML page. Called by the reports."""
