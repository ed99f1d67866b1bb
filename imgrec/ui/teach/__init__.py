"""The tab Teach it."""
