"""Decoding of any input to an upright, bounded RGB picture; crops and colour maps."""
