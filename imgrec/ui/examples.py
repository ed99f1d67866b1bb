"""Pictures to begin with: gradio's own photographs and CIFAR-10 test images."""

from gradio.media import get_image

from imgrec.files.paths import IMAGES

PHOTOGRAPHS = ("lion.jpg", "cheetah1.jpg", "tower.jpg", "bus.png")
CIFAR10_TEST = ("cifar10_dog.png", "cifar10_ship.png", "cifar10_horse.png")


def example_files() -> list[str]:
    """The files, photographs first."""
    photographs = [get_image(name) for name in PHOTOGRAPHS]
    return photographs + [str(IMAGES / "examples" / name) for name in CIFAR10_TEST]
