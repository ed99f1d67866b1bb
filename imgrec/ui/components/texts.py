"""The texts of the components; longer ones are in the `.jinja` templates beside this module."""

from imgrec.approaches.vgg16_weights import FILE_MEGABYTES

# Approaches
TITLES = {"scratch": "From scratch", "pretrained": "Pre-trained", "transfer": "Transfer"}
UNFAMILIAR = "Unlike anything it was trained on: perhaps none of its ten classes is right."
LAYER_HEADINGS = ("Layer", "Kind", "Output shape", "Parameters", "Multiply–adds")

# Choosers
TRAINED_WEIGHTS = "Trained weights"
TRAINED_HEAD = "Trained head"

# The picture
PICTURE = "Picture"
PICTURE_ALT = "The picture that the networks look at"
PICTURE_PLACEHOLDER = "Drop a picture here, paste one, or click to choose"

# Explanations
EVIDENCE_FOR = "Evidence for"
IS_THERE_A_DOG = "Is there a dog?"
STRENGTH = "Strength of the heat (%)"
CLOSE = "Close"
SECOND_OPINION = "Second opinion: occlusion"
STOP = "Stop"
OCCLUSION_TITLE = "A second opinion"
OCCLUSION_TEXT = (
    "Grad-CAM looks into the network. Occlusion asks from outside: it covers one place of the "
    "picture after another and watches how far the answer falls. That takes some seconds."
)
STOPPED = "Stopped: the map is not whole."
METHODS = {"grad-cam": "Grad-CAM", "occlusion": "Occlusion"}


def cut_away(seen: float) -> str:
    """Describes the share of the picture that the network saw; empty if it saw all."""
    if seen > 0.995:
        return ""
    return (
        f"The network saw {100 * seen:.0f} % of the picture; the striped part was cut away before."
    )


def maps_agree(correlation: float | None) -> str:
    """Describes the rank correlation of two maps of one picture; None if one of them is empty."""
    if correlation is None:
        return "One of the two maps is empty, so they can’t be compared."
    if correlation >= 0.5:
        words = "they agree: the same places are hot"
    elif correlation >= 0.2:
        words = "they agree in part"
    elif correlation > -0.2:
        words = "they have little to do with each other, so trust neither much"
    else:
        words = "they contradict each other, so trust neither"
    return f"Beside Grad-CAM, {words} (rank correlation {correlation:.2f}; 1 is full agreement)."


# Downloads
FETCH_CIFAR10 = "Fetch CIFAR-10 (140 MB)"
STOP_FETCHING = "Stop fetching"
ASKING_FOR_CIFAR10 = "Asking for CIFAR-10"
CIFAR10_FROM = "CIFAR-10 from {source}"
NO_CIFAR10 = (
    "The scratch network learns from CIFAR-10, 60,000 small pictures, which are not here yet."
)
CIFAR10_OFF = "Downloads are off on this server."
DOWNLOAD_VGG16 = f"Download VGG16 ({FILE_MEGABYTES} MB)"
STOP_DOWNLOAD = "Stop the download"
VGG16_RUNNING = "VGG16 is being downloaded"
NO_VGG16 = (
    "VGG16’s own weights are not here yet, so a small network, EfficientNet-Lite0, stands in for "
    "it."
)
VGG16_OFF = "Downloads are off; start with --vgg16-weights FILE if you have the file."

# Uploads
CHOOSE_FILES = "Choose pictures"
CHOOSE_ZIP = "Choose a zip"
CHOOSE_FOLDER = "Choose a folder"
