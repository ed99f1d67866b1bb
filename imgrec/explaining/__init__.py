"""Explanations of a network's predictions: heat maps, feature maps, and the lessons."""
