"""The short texts of the approaches' tabs; longer ones are in the `.jinja` templates beside it."""

# Every tab
NO_PICTURE = "No picture yet"
NO_PICTURE_TEXT = "Drop a picture, paste one, or take one with the webcam."
HOW_MANY_CLASSES = "How many classes"
PROBABILITIES = "Probabilities"
CALIBRATED = "calibrated"
RAW = "as the network says them"
AS_JSON = "The answer as JSON"
LAYERS_HEADING = "### Layers"
LAYERS = "Layers"
LAYERS_LOADING = "The network is loading."

# Compare
IS_THERE_A_DOG = "Is there a dog in it?"
COMPARE_EMPTY = (
    "Drop a picture, paste one, take one with the webcam, or choose an example: three networks "
    "will tell you what they see."
)
COMPARE_LOADING = "The networks are loading."
EXAMPLES = "Examples"
WHICH_NETWORKS = "Which trained networks answer"
COMPARE_API = "What `/compare` returns to a program; see *Use via API* below."

# From scratch
LOOK_OFTEN = "Look six times"
LOOK_OFTEN_INFO = (
    "Also mirrored and shifted by a pixel, and take the mean: more often right, six times as slow. "
    "“Why?” explains a single look."
)
RACE_HEADING = "### The race: accuracy over time"
RACE_PLOT = "Accuracy over time"
RACE_MINUTES = "minutes of training"
RACE_ACCURACY = "right on the validation images"
RACE_NETWORK = "network"
RACE_HEADINGS = ("Network", "Epochs", "Minutes", "Validation", "Test", "Weights")
INGREDIENTS = "What each ingredient of fast gives"
