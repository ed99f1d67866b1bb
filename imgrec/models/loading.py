"""Trained networks by name, loaded once, with their calibration."""

from pathlib import Path
from typing import NamedTuple

from imgrec.caching import load_once
from imgrec.errors import ModelError
from imgrec.metrics.calibration import Calibration
from imgrec.models import calibration_file, registry, store
from imgrec.networks.inference import Logits, Network, compile_with_logits


class Trained(NamedTuple):
    """A trained network of the registry, ready for use."""

    entry: registry.Entry
    network: Network
    logits: Logits  # from `compile_with_logits`
    calibration: Calibration | None  # None if it was not measured


def load_trained(name: str, kind: registry.Kind) -> Trained:
    """Loads a trained network of the registry. Raises ModelError if it is missing or damaged."""
    entry = registry.find(name, kind)
    if not registry.has_tab_classes(entry):
        raise ModelError(f"{name} was not taught the classes of this tab; choose another one.")
    network, logits = _loaded(kind, entry.folder, entry.report.get("weights_sha256", ""))
    return Trained(entry, network, logits, calibration_file.load_calibration(entry))


@load_once
def _loaded(kind: registry.Kind, folder: Path, digest: str) -> tuple[Network, Logits]:
    """Loads the network in a model directory; new weights, by `digest`, are another cache entry."""
    from imgrec.networks.cifar10 import SCRATCH
    from imgrec.networks.heads import HEADS
    from imgrec.networks.weights import set_weights

    saved = store.load(folder)
    build = {"scratch": SCRATCH, "transfer": HEADS}[kind]
    try:
        model = build[saved.config["network"]](**saved.config.get("options", {}))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder.name} has a network that is not known here; choose another one."
        ) from error
    set_weights(model, saved.weights)
    return compile_with_logits(model)
