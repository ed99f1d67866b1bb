"""Three ways to teach a machine to recognise a picture.

Importing the package loads neither Keras nor TensorFlow; models load on first use.
"""

import os

# Keras 3 chooses its backend when it is first imported, TensorFlow its log level.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

__version__ = "0.1.0"
