"""Room: application."""
