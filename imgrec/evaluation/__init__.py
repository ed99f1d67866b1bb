"""Measuring and comparing the three approaches."""
