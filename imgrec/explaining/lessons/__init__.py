"""The arithmetic of the lessons: one neuron, convolution, pooling, dropout."""
