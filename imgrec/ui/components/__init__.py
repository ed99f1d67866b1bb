"""What several tabs use: pictures, uploads, buttons, panels, formatting."""
