"""The network definitions: shapes and parameters layer by layer, weights by name, the pooling."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imgrec.errors import ModelError
from imgrec.networks import imagenet, layer_table
from imgrec.networks.cifar10 import (
    CIFAR10_DEVIATION,
    CIFAR10_MEAN,
    SCRATCH,
    FusedBatchNormalization,
    classic,
)
from imgrec.networks.heads import HEADS, PowerPooling, pooled_head
from imgrec.networks.weights import get_weights, set_weights


def conv(kernel: int, inputs: int, filters: int) -> int:
    return (kernel * kernel * inputs + 1) * filters


def dense(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


# Name, output shape and parameters of each layer.
CLASSIC = [
    ("conv1", (32, 32, 32), conv(3, 3, 32)),
    ("conv2", (30, 30, 32), conv(3, 32, 32)),
    ("pool1", (15, 15, 32), 0),
    ("dropout1", (15, 15, 32), 0),
    ("conv3", (15, 15, 64), conv(3, 32, 64)),
    ("conv4", (13, 13, 64), conv(3, 64, 64)),
    ("pool2", (6, 6, 64), 0),
    ("dropout2", (6, 6, 64), 0),
    ("flatten", (2304,), 0),
    ("dense1", (512,), dense(2304, 512)),
    ("dropout3", (512,), 0),
    ("predictions", (10,), dense(512, 10)),
]

# Of `fast`, as Jordan 2024 (airbench94) has them, the normalisation's four weights less its scale.
FAST_CONVOLUTIONS = [  # the block, its inputs, its filters, and the side before and after its pool
    ("block1", 24, 96, 31, 15),
    ("block2", 96, 320, 15, 7),
    ("block3", 320, 320, 7, 3),
]

# Simonyan & Zisserman 2015, table 1, D: filters of each convolution, block by block.
VGG16_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

NETWORKS = {
    **SCRATCH,
    **HEADS,
    "efficientnet_lite0": imagenet.efficientnet_lite0,
    "vgg16_base": imagenet.vgg16_base,
}
PARAMETERS = {
    "classic": 1_250_858,
    "fast": 3_152_898,
    "pooled": 513,
    "flatten": 6_423_041,
    "efficientnet_lite0": 4_694_024,
    "vgg16_base": 14_714_688,
}


@pytest.fixture(scope="module")
def built():
    """One instance of each network."""
    return {name: make() for name, make in NETWORKS.items()}


def weights_of(model):
    return {path: array.copy() for path, array in get_weights(model).items()}


def random_weights(model, dtype="float32"):
    random = np.random.default_rng(0)
    return {
        path: random.normal(size=array.shape).astype(dtype)
        for path, array in get_weights(model).items()
    }


def assert_same_weights(one, other):
    assert list(one) == list(other)
    for path, array in one.items():
        np.testing.assert_array_equal(array, other[path])


def test_classic_has_each_layers_shape_and_parameters(built):
    rows = layer_table.table(built["classic"])
    assert [(row.name, row.output_shape, row.parameters) for row in rows] == CLASSIC
    assert sum(row.parameters for row in rows) == 1_250_858


def test_classic_drops_out_as_much_as_the_first_version(built):
    rates = {layer.name: layer.rate for layer in built["classic"].layers if "drop" in layer.name}
    assert rates == {"dropout1": 0.25, "dropout2": 0.25, "dropout3": 0.5}


def test_fast_has_each_layers_shape_and_parameters(built):
    expected = [("normalize", (32, 32, 3), 0), ("whiten", (31, 31, 24), conv(2, 3, 24))]
    for block, inputs, filters, before, after in FAST_CONVOLUTIONS:
        expected += [
            (f"{block}_conv1", (before, before, filters), 9 * inputs * filters),
            (f"{block}_pool", (after, after, filters), 0),
            (f"{block}_norm1", (after, after, filters), 3 * filters),
            (f"{block}_relu1", (after, after, filters), 0),
            (f"{block}_conv2", (after, after, filters), 9 * filters * filters),
            (f"{block}_norm2", (after, after, filters), 3 * filters),
            (f"{block}_relu2", (after, after, filters), 0),
        ]
    expected += [("pool", (320,), 0), ("dropout", (320,), 0), ("scale", (320,), 0)]
    expected += [("predictions", (10,), dense(320, 10))]
    rows = layer_table.table(built["fast"])
    assert [(row.name, row.output_shape, row.parameters) for row in rows] == expected


def test_fast_takes_pixels_and_normalises_them_itself(built):
    """Its first layer's mean and deviation are the training images' to a thousandth."""
    white = np.asarray(built["fast"].layers[0](np.ones((1, 32, 32, 3), "float32")))
    np.testing.assert_allclose(
        white[0, 0, 0],
        (1 - np.array(CIFAR10_MEAN)) / CIFAR10_DEVIATION,
        rtol=1e-5,
    )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fused_normalisation_does_what_keras_does(policy):
    """Outputs, gradients, and moving averages, in training and in use."""
    random = np.random.default_rng(0)
    inputs = tf.constant(3 + 2 * random.normal(size=(64, 5, 5, 8)), "float32")
    weights = tf.constant(random.normal(size=inputs.shape), "float32")
    fused = FusedBatchNormalization(dtype=policy)
    plain = keras.layers.BatchNormalization(
        momentum=fused.momentum, epsilon=fused.epsilon, scale=False, dtype=policy
    )
    found = []
    for layer in (fused, plain):
        layer.build(inputs.shape)
        layer.beta.assign(np.linspace(-1, 1, 8))
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.cast(layer(inputs, training=True), "float32")
            loss = tf.reduce_sum(outputs * weights)
        slopes = tape.gradient(loss, [inputs, layer.beta.value])
        in_use = tf.cast(layer(inputs, training=False), "float32")
        found.append([outputs, *slopes, layer.moving_mean, layer.moving_variance, in_use])
    assert fused.compute_dtype == plain.compute_dtype
    tolerance = 2e-3 if policy == "float32" else 5e-2  # it divides by n - 1, Keras by n
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(
            np.asarray(one), np.asarray(other), atol=tolerance, rtol=tolerance
        )


@pytest.mark.parametrize("dropout", [0, 0.3, 0.9])
def test_classic_drops_out_half_as_much_after_its_convolutions(dropout):
    model = classic(dropout=dropout)
    rates = [layer.rate for layer in model.layers if "drop" in layer.name]
    assert rates == [dropout / 2, dropout / 2, dropout]
    assert model.count_params() == PARAMETERS["classic"]


def test_the_vgg16_base_has_each_layers_shape_and_parameters(built):
    expected, side, inputs = [], 224, 3
    for number, block in enumerate(VGG16_BLOCKS, start=1):
        for position, filters in enumerate(block, start=1):
            name = f"block{number}_conv{position}"
            expected.append((name, (side, side, filters), conv(3, inputs, filters)))
            inputs = filters
        side //= 2
        expected.append((f"block{number}_pool", (side, side, inputs), 0))
    rows = [row for row in layer_table.table(built["vgg16_base"]) if row.kind != "InputLayer"]
    assert [(row.name, row.output_shape, row.parameters) for row in rows] == expected


def test_the_heads_have_each_layers_shape_and_parameters(built):
    assert [row[1:4] for row in layer_table.table(built["pooled"])] == [
        ("PowerPooling", (512,), 0),
        ("Dense", (1,), dense(512, 1)),
    ]
    assert [row[1:4] for row in layer_table.table(built["flatten"])] == [
        ("Flatten", (25088,), 0),
        ("Dense", (256,), dense(25088, 256)),
        ("Dense", (1,), dense(256, 1)),
    ]


@pytest.mark.parametrize(("name", "inputs"), [("pooled", 512), ("flatten", 25088)])
def test_a_head_has_as_many_hidden_neurons_as_it_is_told(name, inputs):
    for hidden, parameters in ((0, dense(inputs, 1)), (7, dense(inputs, 7) + dense(7, 1))):
        head = HEADS[name](hidden=hidden, l2=0.01)
        assert head.count_params() == parameters and head.output_shape == (None, 1)
        kernels = [layer for layer in head.layers if layer.weights]
        assert all(float(layer.kernel_regularizer.l2) == 0.01 for layer in kernels)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layer_tables_total_is_the_models(built, name):
    total = sum(row.parameters for row in layer_table.table(built[name]))
    assert total == built[name].count_params() == PARAMETERS[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_weight_names_are_the_same_in_every_instance(built, name):
    again = get_weights(NETWORKS[name]())
    assert list(again) == list(get_weights(built[name]))
    assert {array.dtype for array in again.values()} == {np.dtype("float32")}


@pytest.mark.parametrize(
    ("name", "dtype"), [("classic", "float32"), *((name, "float16") for name in NETWORKS)]
)
def test_weights_come_out_as_they_were_put_in(name, dtype):
    model = NETWORKS[name]()
    given_weights = random_weights(model, dtype)
    set_weights(model, given_weights)
    assert_same_weights(get_weights(model), given_weights)


def missing(weights):
    del weights["classic/conv3/kernel"]


def extra(weights):
    weights["classic/conv5/kernel"] = np.zeros((3, 3, 64, 64), "float32")


def reshaped(weights):
    weights["classic/dense1/kernel"] = weights["classic/dense1/kernel"].T


def renamed(weights):
    weights["classic/conv3/kernels"] = weights.pop("classic/conv3/kernel")


def shortened(weights):
    weights["classic/predictions/bias"] = weights["classic/predictions/bias"][:9]


def emptied(weights):
    weights.clear()


@pytest.mark.parametrize("spoil", [missing, extra, reshaped, renamed, shortened, emptied])
def test_weights_that_do_not_fit_are_refused_and_the_model_is_untouched(spoil):
    model = classic()
    before = weights_of(model)
    spoiled = random_weights(model)
    spoil(spoiled)
    with pytest.raises(ModelError, match="do not fit the network classic"):
        set_weights(model, spoiled)
    assert_same_weights(get_weights(model), before)


@pytest.mark.parametrize(
    ("spoil", "name"), [(missing, "conv3/kernel"), (extra, "conv5/kernel"), (reshaped, "dense1")]
)
def test_the_refusal_names_the_weight(built, spoil, name):
    spoiled = random_weights(built["classic"])
    spoil(spoiled)
    with pytest.raises(ModelError, match=name):
        set_weights(built["classic"], spoiled)


def power_pooling(features: np.ndarray) -> np.ndarray:
    pooled = (features.astype("float64") ** 2).mean((1, 2)) ** 0.75
    norm = np.linalg.norm(pooled, axis=-1, keepdims=True)
    return np.divide(pooled, norm, out=np.zeros_like(pooled), where=norm > 0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    hnp.array_shapes(min_dims=4, max_dims=4, max_side=8),
    st.floats(0.01, 1000),
)
def test_power_pooling_equals_its_formula(seed, shape, scale):
    random = np.random.default_rng(seed)
    features = (scale * random.normal(size=shape).clip(0)).astype("float32")  # ReLU: many zeros
    pooled = np.asarray(PowerPooling()(features))
    assert pooled.shape == (shape[0], shape[3])
    np.testing.assert_allclose(pooled, power_pooling(features), rtol=1e-4, atol=1e-6)


def test_power_pooling_of_nothing_is_zero():
    features = np.zeros((2, 7, 7, 512), "float32")
    features[1, 3, 3, 7] = 5  # one picture with a single active channel beside one without any
    pooled = np.asarray(PowerPooling()(features))
    assert (pooled[0] == 0).all()
    assert pooled[1, 7] == pytest.approx(1) and np.count_nonzero(pooled[1]) == 1


def test_a_silent_channel_gives_no_endless_slope():
    import tensorflow as tf

    features = tf.Variable(np.random.default_rng(0).random((1, 7, 7, 512)).astype("float32"))
    features[..., 0].assign(tf.zeros((1, 7, 7)))
    with tf.GradientTape() as tape:
        answer = pooled_head()(features)
    assert np.isfinite(tape.gradient(answer, features).numpy()).all()
