"""The page's appearance: a plain gradio theme with system fonts, and our style sheets."""

from pathlib import Path

import gradio as gr

# In the order of the cascade; each sheet is beside what it styles.
SHEETS = (
    "lessons/convolution.css",
    "data/data.css",
    "components/upload_zone.css",
    "components/picture.css",
    "lessons/pooling_dropout_dense.css",
    "approaches/training_race.css",
    "results/results.css",
    "lessons/layers.css",
    "style.css",
    "teach/teach.css",
    "components/explanation/panel.css",
)
STYLES = [Path(__file__).parent / sheet for sheet in SHEETS]

THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="slate",
    radius_size="lg",
    # The reader's system fonts: none is downloaded.
    font=["system-ui", "-apple-system", "Segoe UI", "DejaVu Sans", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "DejaVu Sans Mono", "monospace"],
).set(
    body_background_fill="#f6f8fb",
    body_background_fill_dark="#11141b",
    block_border_width="1px",
    block_shadow="none",
)
