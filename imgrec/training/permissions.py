"""What visitors of a page may do, and the limits of it."""

from dataclasses import dataclass

from imgrec.errors import ImgrecError
from imgrec.models import registry


@dataclass(frozen=True)
class Limits:
    """What visitors of a public page may ask for."""

    epochs: int = 5
    seconds: float = 1800.0
    runs: int = 20  # in all: more would fill the disk


@dataclass
class Permissions:
    """Who may do what; set once, before the page is served."""

    train: bool = True  # start, pause, stop and resume the training of a scratch network
    manage: bool = True  # rename and delete runs
    download: bool = True  # fetch CIFAR-10
    limits: Limits | None = None


def check_run_limit(limits: Limits | None) -> None:
    """Raises ImgrecError if visitors have made as many runs as they may."""
    if limits and sum(not entry.shipped for entry in registry.entries()) >= limits.runs:
        raise ImgrecError(f"There are {limits.runs} runs already, as many as visitors may make.")
