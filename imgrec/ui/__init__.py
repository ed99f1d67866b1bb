"""The page: one folder per tab, and the only part of the package that imports gradio."""
