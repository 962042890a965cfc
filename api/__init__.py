"""Composition root: settings, the single writer, HTTP, the settler, the command line, the market day."""
