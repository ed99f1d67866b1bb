"""Trained models on disk: saving, listing, calibrating and loading them."""
