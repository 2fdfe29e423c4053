"""Panes: one widget a subject, each drawing a study as lines of text."""
