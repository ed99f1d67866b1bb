try:  # ai-edge-litert is the interpreter alone, and small
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    import tensorflow as tf

    Interpreter = tf.lite.Interpreter

interpreter = Interpreter(str(HERE / "model.tflite"))
interpreter.allocate_tensors()


def ask(inputs):  # one picture at a time
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
