"""Evaluating and comparing the three approaches."""
