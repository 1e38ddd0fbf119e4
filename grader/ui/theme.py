"""Colours and type of the page; the rest is `style/`. Fonts are those that come with Gradio: nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

STYLES = sorted(Path(__file__).with_name("style").glob("*.css"))
FAVICON = Path(__file__).with_name("favicon.svg")


def build_theme() -> gr.themes.Base:
    """Set Gradio's own parts to the page's colours; `style/` defines them for light and dark."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        text_size=gr.themes.sizes.text_lg,
        font=[LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=[LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"],
    )
    plain = {
        "body_background_fill": "var(--paper)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--ink-soft)",
        "background_fill_primary": "var(--card)",
        "background_fill_secondary": "var(--paper)",
        "border_color_primary": "var(--line)",
        "border_color_accent": "var(--accent)",
        "color_accent": "var(--accent)",
        "color_accent_soft": "var(--accent-soft)",
        "block_background_fill": "transparent",
        "block_border_width": "0px",
        "block_shadow": "none",
        "block_padding": "0",
        "block_label_text_color": "var(--ink-soft)",
        "block_title_background_fill": "transparent",
        "block_title_border_width": "0px",
        "block_title_padding": "0",
        "block_title_text_color": "var(--ink-soft)",
        "block_title_text_weight": "600",
        "input_background_fill": "var(--field)",
        "input_background_fill_focus": "var(--field)",
        "input_border_color": "var(--line-strong)",
        "input_border_color_focus": "var(--accent)",
        "input_border_width": "1px",
        "input_placeholder_color": "var(--ink-faint)",
        "input_shadow_focus": "none",
        "checkbox_background_color": "var(--field)",
        "checkbox_background_color_selected": "var(--accent)",
        "checkbox_border_color": "var(--line-strong)",
        "checkbox_border_color_selected": "var(--accent)",
        "checkbox_label_background_fill": "var(--field)",
        "checkbox_label_background_fill_hover": "var(--accent-soft)",
        "checkbox_label_background_fill_selected": "var(--accent-soft)",
        "checkbox_label_border_color": "var(--line-strong)",
        "checkbox_label_border_color_selected": "var(--accent)",
        "checkbox_label_text_color": "var(--ink)",
        "checkbox_label_text_color_selected": "var(--ink)",
        "button_primary_background_fill": "var(--accent)",
        "button_primary_background_fill_hover": "var(--accent-strong)",
        "button_primary_text_color": "var(--on-accent)",
        "button_secondary_background_fill": "transparent",
        "button_secondary_background_fill_hover": "var(--accent-soft)",
        "button_secondary_text_color": "var(--ink)",
        "button_secondary_border_color": "var(--line-strong)",
        "button_border_width": "1px",
        "link_text_color": "var(--accent-strong)",
    }
    parameters = set(vars(theme))
    return theme.set(
        **plain, **{f"{name}_dark": value for name, value in plain.items() if f"{name}_dark" in parameters}
    )
