"""Renders results for a terminal, as a page, as Markdown, as charts and as event files."""
