"""What visitors to the page may do, and the limits on it."""

from dataclasses import dataclass

from imgrec.errors import ImgrecError
from imgrec.models import registry


@dataclass(frozen=True)
class Limits:
    """The limits on visitors to a public page."""

    epochs: int = 5
    seconds: float = 1800.0
    runs: int = 20  # in total: more would fill the disk


@dataclass
class Permissions:
    """What visitors may do; set once, before the page is served."""

    train: bool = True  # start, pause, stop and resume the training of a scratch network
    manage: bool = True  # rename and delete runs
    download: bool = True  # fetch CIFAR-10
    limits: Limits | None = None


def check_run_limit(limits: Limits | None) -> None:
    """Raises ImgrecError if visitors have made the maximum number of runs."""
    if limits and sum(not entry.shipped for entry in registry.entries()) >= limits.runs:
        raise ImgrecError(f"There are {limits.runs} runs already, as many as visitors may make.")
