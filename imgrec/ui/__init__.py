"""The page: one file per tab, and the only part of the package that imports gradio."""
