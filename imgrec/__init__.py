"""Three ways to teach a machine to recognise a picture.

Importing the package loads neither Keras nor TensorFlow; models load on first use.
"""

import gc
import os

# Keras 3 chooses its backend when it is first imported, TensorFlow its log level.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Loading gradio and Keras makes a million objects that stay. At Python's usual threshold, looking
# for garbage among them takes a sixth of the start.
gc.set_threshold(20_000)

__version__ = "0.1.0"
