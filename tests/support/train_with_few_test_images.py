"""scripts/train_scratch.py with 200 test images: all 10,000, six views of each, take a minute."""

import dataclasses
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEST_IMAGES = 200


def main() -> None:
    sys.path.insert(0, str(ROOT))  # it is run as a script, as the page runs the other one
    from imgrec.data import cifar10

    whole = cifar10.cached_cifar10

    def with_few_test_images() -> cifar10.Cifar10:
        data = whole()
        x_test, y_test = data.x_test[:TEST_IMAGES], data.y_test[:TEST_IMAGES]
        return dataclasses.replace(data, x_test=x_test, y_test=y_test)

    cifar10.cached_cifar10 = with_few_test_images  # also what `load_cifar10` begins with
    runpy.run_path(str(ROOT / "scripts" / "train_scratch.py"), run_name="__main__")


if __name__ == "__main__":
    main()
