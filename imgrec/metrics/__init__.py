"""How good predictions are, in numbers; NumPy alone."""
