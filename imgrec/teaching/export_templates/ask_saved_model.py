import tensorflow as tf

model = tf.saved_model.load(str(HERE / "model"))


def ask(inputs):
    return model.serve(tf.constant(inputs)).numpy()
