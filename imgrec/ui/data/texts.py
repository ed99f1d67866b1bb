"""The texts of the data tab that are not in its templates."""

# Headings, labels and buttons
IMAGES, PIXELS, MISTAKES = "Images", "Pixels", "Mistakes"
SPLIT_CHOICES = {"test": "Test images", "train": "Training images"}
RESHUFFLE, SEND_TO_COMPARE = "Reshuffle", "Send to Compare"
PIXEL_VALUES = "Pixel values"
CHANNELS = ("Red", "Green", "Blue")
PIXEL_COLUMNS = ("Channel", "Mean", "Deviation", "Least", "Greatest")
PREDICTING, PREDICTING_UNIT = "Looking", "images"  # beside the progress bar

# Which images the tab displays
HEADING = "CIFAR-10, the pictures that the scratch network learns from"
FULL_SET = "You see all of CIFAR-10: {images}."
SAMPLE = (
    "You see the built-in sample of CIFAR-10: {images}, {each} of each class. Numbers from so few "
    "images are rough."
)
EXACTLY, FROM_TO = "exactly {low:,}", "{low:,} to {high:,}"  # images of each class

# Images
DRAWN = "Ten random images of each class, draw number {number}. Press one to see it large."
NOTHING_ENLARGED = ("One image", "Press an image to see it large, with its label.")

# Pixels: a title and an explanation of each scale
SCALES = {
    "stored": (
        "as stored, 0 to 255",
        "Each pixel holds three numbers from 0 to 255: how much red, green and blue it has.",
    ),
    "unit": (
        "divided by 255",
        "Divided by 255, the same numbers lie between 0 and 1. The shapes stay; only the scale is "
        "another. The scratch network is fed with these.",
    ),
    "standard": (
        "(x − mean) / deviation",
        "Each channel’s mean is subtracted, then it is divided by its deviation, which is how far "
        "values usually lie from the mean. Now all three lie around 0 and spread equally far. Many "
        "networks learn faster from such numbers.",
    ),
}

# Mistakes
WAITING = ("What it takes for what", "The network looks at the test images.")
NO_CELL = ("A cell’s images", "Press a number above to see its images here.")
CELL = "{label} taken for {prediction}: {number}"
ALL_OF_A_CELL = "The surest guess comes first."
SOME_OF_A_CELL = "The {number} it is surest of."
MOST_CONFIDENT = (
    "Most confidently wrong",
    "Wrong, and sure of it: the caption says what the network takes each image for.",
)
