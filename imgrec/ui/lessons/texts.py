"""The lessons' texts that are not in their templates."""

from imgrec.approaches import scratch
from imgrec.explaining.lessons import neuron
from imgrec.explaining.lessons.shift_invariance import MAX_SHIFT, SHIFTS

# Around the lessons
ONE_NEURON, CONVOLUTION_TAB = "One neuron", "Convolution"
POOLING_TAB, LAYERS_TAB = "Pooling, dropout, dense", "Layer by layer"
EXAMPLES = "Examples"

# Pictures and maps
NO_PICTURE = ("No picture yet", "Drop a picture, paste one, or choose one of the examples.")
MAP_ALT = (
    "{title}: {height} × {width} values from {least} to {greatest}; the strongest is at row {row}, "
    "column {column}."
)
SIGNED_LEGEND = "Red is above zero, blue below zero, white zero; full colour is {most} away."
GREY_LEGEND = "Black is zero; the lighter, the greater. White is {most}."

# One neuron
NEURON = f"""
A **neuron** multiplies each of its inputs by a number, its *weight*, and adds them up, with one
more number, its *bias*. That is all. This one has two inputs and starts with three random numbers.
It is shown {neuron.EXAMPLES} sums of numbers between {neuron.LOW:.0f} and {neuron.HIGH:.0f}. After
each look at them it changes its three numbers a little, so that its answers get less wrong. Nobody
tells it that the weights should be 1 and 1, and the bias 0. A dashed wire means
a number below zero, a thick one a great number.
"""
LEARNING_RATE = "Learning rate: how far each step goes"
LEARN, STOP, ONE_STEP = "Learn", "Stop", "One step"
START_AGAIN, OTHER_START = "Start again", "Other random start"
ASK_THE_NEURON = "### Ask it for a sum it never saw"
FIRST_NUMBER, SECOND_NUMBER = "First number, x₁", "Second number, x₂"

# Convolution
CONVOLUTION = """
A **kernel** is nine numbers. It is laid over 3 × 3 pixels: each pixel is multiplied by the number
on it, and the nine products are added up. The sum is one point of a new picture, the **feature
map**. Then the kernel moves on by one pixel. That is a *convolution*. People made the first
kernels below for looking at edges or blurring; the network *classic* found the others by itself, in
training.
"""
OWN_KERNEL = "Your own kernel: three lines of three numbers"
SLIDE_IT = "### Slide it over the picture"
PIXELS, ROW, COLUMN, SLIDE = "Pixels", "Row", "Column", "Slide"
RELU, RELU_INFO = "ReLU", "What is below zero becomes zero, as in the network"
SHIFT_IT = "### Shift the picture"
GREY_PIXELS, COLOUR_PIXELS = "{side} × {side} pixels, in grey", "{side} × {side} pixels, in colour"
YOUR_PICTURE = "Your picture, {pixels}"
WINDOW_ALT = "The middle of your picture, {pixels}; the kernel is at row {row}, column {column}"
MAP, MAP_AFTER_RELU = "Feature map: {kernel}", "Feature map: {kernel}, after ReLU"
COLOURS, GREY = ("Red", "Green", "Blue"), ("Grey",)

# Shifts
SHIFT = f"""
A cat that sits a little further left is still a cat. See how far the network {scratch.CLASSIC}
agrees. Shift the picture by up to {MAX_SHIFT} of its {scratch.SIZE} pixels; behind it the edge’s
pixels are repeated.
"""
SHIFT_RIGHT, SHIFT_DOWN = "Right (−: left)", "Down (−: up)"
ALL_SHIFTS = f"#### The answer at all {len(SHIFTS)} shifts"
NOT_SHIFTED, BEFORE = "not shifted", "before"
SHIFTED_PICTURE = "Picture, {when}: {answer}"
SHIFTED_PICTURE_ALT = "The picture, {when}; the network says {answer}"
SHIFTED_MAP = "Map, {when}: greatest {greatest}"
CHANGE_COLUMNS = ("Pooled over", "Changed")
UNPOOLED = "nothing: the map itself"
POOLED_AS_HERE, POOLED_WHOLE = ", in this network", ", the whole map"

# Pooling, dropout, dense
POOLING = """
### Max pooling

A feature map says *where* in the picture a pattern was found. **Max pooling** lays windows side by
side over it and keeps only the greatest value of each. The map gets smaller; what was found stays,
where exactly it was is forgotten. All three parts are looked at in the network *classic*.
"""
WINDOW = "Side of the window"
POOLED_MAPS = (
    ("Before", "Feature map"),
    ("Maximum", "The greatest value of each window"),
    ("Average, to compare", "The mean of each window"),
)
GREY_MAP_ALT = "{what}: {size} values from {least:.2f} to {most:.2f}; black is zero."
CORNER = "Rows {top}–{bottom}, columns {left}–{right}"
CORNER_MAXIMA = "The greatest of each 2 × 2"
DROPOUT = """
### Dropout

**Dropout** works in training only. At each step it sets a random part of the values to zero, so
that no neuron can rely on a single other one. The values that stay are made greater, so that their
sum stays about the same.
"""
DROPOUT_RATE, DRAW_AGAIN = "Rate: the part that is dropped", "Draw again"
WITHOUT_DROPOUT = ("Without dropout", "Feature map")
WITH_DROPOUT = "With dropout: × is a dropped value, {gone}"
WITH_DROPOUT_ALT = "The same map with {gone} of its values crossed out, the others brighter."
DENSE = """
### Dense

In a **dense** layer every neuron is connected with every value before it. The last one has a neuron
for each class: it multiplies each value by a weight and adds up the products and a bias. The sum is
the class’s *logit*; *softmax* turns the ten logits into probabilities.
"""
CLASS, ANSWERED_CLASS = "Class", "The class it answers"
KEEP_STRONGEST = "Keep only the strongest contributions"

# Layer by layer
LAYERS = """
Your picture walks down this street: every house is a layer, which takes what the one before it
made. The higher a house, the larger its maps; the wider, the more of them. **Press a house** to
look inside.
"""
NETWORK, FEATURE_MAPS, CHANNEL = "Network", "Feature maps", "Channel"
BY_STRENGTH, BY_NUMBER = "Strongest first", "By number"
SEEN = "The picture as this network saw it: {width} × {height} pixels."
DESCRIBED_CHANNEL = "channel {channel}: mean {mean}, maximum {maximum}"
GREY_TILES = "each from its least value (dark) to its greatest (bright)"
SIGNED_TILES = "red above 0, blue below, white 0, full colour the farthest from 0 in its map"
GREY_CHANNEL = "Channel {channel}, from {least} (dark) to {greatest} (bright)"
SIGNED_CHANNEL = "Channel {channel} (red above 0, blue below, white 0), from {least} to {greatest}"
MAXIMUM_AND_MEAN = ", which is at the {place}; mean {mean}"
ALL_VALUES = (
    "All {count:,} values, row by row, from {least} (dark) to {greatest} (bright). The greatest: "
    "{best}."
)
ONE_OF_THE_GREATEST = "number {index} ({value})"
WITHOUT_TOP = (
    "VGG16’s dense layers are not on this street: they need VGG16’s own file, which is not here "
    "yet. The tab “Pre-trained” tells how to get it."
)
LAYER_DOES = {
    "Normalization": "Takes the mean of all training images away from each colour, and divides by "
    "how far from it the values usually are. So the numbers that come out lie around 0.",
    "Conv2D": "Slides small filters over everything that comes in. Each looks for one pattern and "
    "draws a map: its values are great where it found the pattern, and small where it did not.",
    "BatchNormalization": "Moves and stretches the values of each map as if they had, over many "
    "pictures, a mean of 0 and all the same spread. Then it adds a number that it learned. So no "
    "map drowns the others, and the network learns faster.",
    "ReLU": "Turns whatever is below 0 into 0 and leaves the rest as it is: only patterns that "
    "were found go on.",
    "MaxPooling2D": "Keeps only the largest value of each small square of every map. The maps "
    "shrink, and it matters less where exactly a pattern was.",
    "GlobalMaxPooling2D": "Keeps only the largest value of each whole map: how clearly a pattern "
    "was found. Where it was is forgotten.",
    "Dropout": "While the network trained, this layer silenced some values at random, so that the "
    "network could not learn pictures by heart. Now it lets all of them through unchanged.",
    "Rescaling": "Multiplies every value by one fixed number. That only matters in training: the "
    "last layer learns more slowly.",
    "Flatten": "Puts the values of all maps into one long row. None is changed.",
    "Dense": "Each of its neurons weighs every value that comes in and adds them all up.",
}
GIVES_PROBABILITIES = (
    "Each neuron stands for one class: it weighs every value that comes in and adds them up. "
    "Softmax turns the sums into probabilities that add up to 1."
)
PLACES = (
    ("top left", "top", "top right"),
    ("left", "centre", "right"),
    ("bottom left", "bottom", "bottom right"),
)
