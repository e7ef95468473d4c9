"""From cells' records to what people read: ``records`` (what a run leaves), ``published`` (what papers printed and
claimed), ``compute`` (tables, verdicts, statistics), ``render`` (page, Markdown, LaTeX, figures), ``write``."""
