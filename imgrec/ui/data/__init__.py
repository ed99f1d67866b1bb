"""The tab The data."""
