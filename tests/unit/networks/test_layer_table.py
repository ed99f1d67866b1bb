"""Parameter formulas and multiply–accumulates: they must come out as the layers themselves do."""

import math

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.networks import cifar10, imagenet, layer_table

# Torchvision tells 15.47 G multiply–accumulates for VGG16 at 224×224 (weights' `_ops`).
VGG16_MULTIPLY_ACCUMULATES = 15_470_264_320


def evaluated(formula: str) -> tuple[int, int]:
    """Both sides of a formula; an empty one is nothing."""
    if not formula:
        return 0, 0
    left, right = formula.split(" = ")
    products = (map(int, term.split("·")) for term in left.split(" + "))
    return sum(map(math.prod, products)), int(right.replace(",", ""))


@pytest.mark.parametrize(
    ("architecture", "total"),
    [
        (lambda: scratch.architecture("classic"), 1_250_858),
        (lambda: scratch.architecture("fast"), scratch.load("fast").model.count_params()),
        (vgg16.architecture, 138_357_544),
        (lambda: layer_table.table(pretrained.load_stand_in().model), 4_694_024),
        (transfer.architecture, vgg16.BASE_PARAMETERS + 513),
        (lambda: transfer.architecture("dog_flatten_64"), vgg16.BASE_PARAMETERS + 6_423_041),
    ],
    ids=["classic", "fast", "vgg16", "efficientnet_lite0", "pooled", "flatten"],
)
def test_the_formulas_give_each_layers_parameters_and_sum_to_the_models(architecture, total):
    rows = architecture()
    for row in rows:
        assert evaluated(row.formula) == (row.parameters, row.parameters), row.name
    assert sum(evaluated(row.formula)[0] for row in rows) == total


def test_formulas_are_written_as_in_the_books():
    by_name = {row.name: row for row in layer_table.table(cifar10.classic())}
    assert by_name["conv2"].formula == "3·3·32·32 + 32 = 9,248"
    assert by_name["dense1"].formula == "2304·512 + 512 = 1,180,160"
    assert by_name["pool1"].formula == ""
    fast = {row.name: row for row in layer_table.table(cifar10.fast())}
    norm = fast["block1_norm1"]
    maps = norm.output_shape[-1]
    assert (norm.kind, norm.formula) == ("BatchNormalization", f"3·{maps} = {3 * maps}")
    lite = {row.name: row for row in layer_table.table(imagenet.efficientnet_lite0())}
    assert lite["stem"].formula == "3·3·3·32 = 864"
    assert lite["stem_norm"].formula == "4·32 = 128"
    assert lite["block1a_depthwise"].formula == "3·3·32·1 = 288"
    assert layer_table.dense("fc", 3, 2).formula == "3·2 + 2 = 8"


def test_vgg16_multiplies_as_often_as_is_known():
    rows = vgg16.architecture()
    assert sum(row.multiply_accumulates for row in rows) == VGG16_MULTIPLY_ACCUMULATES
    first = next(row for row in rows if row.name == "block1_conv1")
    assert first.multiply_accumulates == 224 * 224 * 3 * 3 * 3 * 64
    assert rows[-1].multiply_accumulates == 4096 * 1000


def test_classic_multiplies_as_often_as_by_hand():
    work = {row.name: row.multiply_accumulates for row in layer_table.table(cifar10.classic())}
    assert {name: done for name, done in work.items() if done} == {
        "conv1": 32 * 32 * 3 * 3 * 3 * 32,
        "conv2": 30 * 30 * 3 * 3 * 32 * 32,
        "conv3": 15 * 15 * 3 * 3 * 32 * 64,
        "conv4": 13 * 13 * 3 * 3 * 64 * 64,
        "dense1": 2304 * 512,
        "predictions": 512 * 10,
    }


@settings(max_examples=25, deadline=None)
@given(
    side=st.integers(5, 9),
    groups=st.integers(1, 3),
    each=st.integers(1, 3),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid"]),
)
def test_any_convolution_multiplies_at_every_place_of_its_output(
    side, groups, each, kernel, strides, padding
):
    channels, filters = groups * each, 2 * groups
    common = {"strides": strides, "padding": padding}
    image = keras.Input((side, side, channels))
    plain = keras.layers.Conv2D(filters, kernel, groups=groups, **common)
    deep = keras.layers.DepthwiseConv2D(kernel[0], depth_multiplier=2, **common)
    rows = layer_table.table(keras.Model(image, [plain(image), deep(image)]))
    by_kind = {row.kind: row for row in rows}
    height, width, _ = by_kind["Conv2D"].output_shape
    assert by_kind["Conv2D"].multiply_accumulates == (
        height * width * kernel[0] * kernel[1] * channels * filters // groups
    )
    height, width, _ = by_kind["DepthwiseConv2D"].output_shape
    assert by_kind["DepthwiseConv2D"].multiply_accumulates == (
        height * width * kernel[0] ** 2 * channels * 2
    )
    for row in rows:
        assert evaluated(row.formula) == (row.parameters, row.parameters)
