"""The tab Results."""
