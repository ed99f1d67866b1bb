"""Components shared by several tabs: pictures, uploads, buttons, panels, formatting."""
