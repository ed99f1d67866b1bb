"""The lesson on one neuron, which learns to add."""


def build_neuron() -> None:
    """Lays the lesson out."""
