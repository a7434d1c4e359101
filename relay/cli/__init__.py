"""The command line: one module per idea, pages for people (pure functions) and rows for programs (--json)."""
