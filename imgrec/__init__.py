"""Three ways to teach a machine to recognise a picture.

Importing the package loads neither Keras nor TensorFlow; models load on first use.
"""

import gc
import os

# Keras 3 reads its backend, and TensorFlow its log level, on first import.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Importing Gradio and Keras creates a million long-lived objects. At Python's default threshold,
# collecting garbage among them takes a sixth of the start-up time.
gc.set_threshold(20_000)

__version__ = "0.1.0"
