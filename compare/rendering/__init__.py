"""Results as a terminal, a page, Markdown, charts and event files show them."""
