"""*Why?*: the panel that explains an answer, and its HTML."""
