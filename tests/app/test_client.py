"""The running app, asked by a program: every endpoint, bad input, many calls at once."""

import base64
import contextlib
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from support.files import script_module
from support.html import text

from imgrec import approaches
from imgrec.approaches import scratch
from imgrec.data import cifar10 as cifar10_data
from imgrec.files.paths import IMAGES
from imgrec.images.decode import MAX_BYTES, open_image
from imgrec.models import manage_runs
from imgrec.training.permissions import Limits, Permissions
from imgrec.training.process import trainer
from imgrec.ui.components.formatting import percent

DOG = IMAGES / "examples" / "cifar10_dog.png"
VERDICT_KEYS = {
    *("approach", "model", "stand_in", "classes", "dog", "dog_calibrated", "unfamiliar"),
    *("looks", "milliseconds"),
}


@pytest.fixture(scope="module")
def client(app) -> Client:
    return Client(app.url, verbose=False)


def ask(client: Client, name: str, picture, *more):
    """The JSON of an endpoint's answer."""
    return client.predict(handle_file(str(picture)), *more, api_name=name)[0]


def test_compare_answers_with_all_three_approaches(client):
    answer = ask(client, "/compare", DOG)
    assert set(answer) == {"file", "verdicts"}
    assert answer["file"] == DOG.name
    assert [verdict["approach"] for verdict in answer["verdicts"]] == list(approaches.NAMES)
    for verdict in answer["verdicts"]:
        assert set(verdict) == VERDICT_KEYS
        assert 0 <= verdict["dog"] <= 1 and verdict["milliseconds"] > 0
        likely = [entry["probability"] for entry in verdict["classes"]]
        assert likely == sorted(likely, reverse=True)
        for entry in verdict["classes"]:
            assert (entry["calibrated"] is None) == (verdict["approach"] == "pretrained")
    assert [verdict["stand_in"] for verdict in answer["verdicts"]] == [False, True, False]
    assert [verdict["unfamiliar"] for verdict in answer["verdicts"]] == [False, None, None]
    assert "EfficientNet-Lite0" in answer["verdicts"][1]["model"]


@pytest.mark.parametrize("approach", approaches.NAMES)
def test_each_endpoint_says_what_its_module_says(client, approach):
    (verdict,) = ask(client, f"/{approach}", DOG)["verdicts"]
    (expected,) = approaches.MODULES[approach].predict([open_image(DOG)])
    for entry, same in zip(verdict["classes"], expected.classes, strict=True):
        assert entry["label"] == same.label
        assert entry["probability"] == pytest.approx(same.probability, abs=1e-5)
        assert entry["calibrated"] == pytest.approx(same.calibrated, abs=1e-5)
    assert verdict["dog"] == pytest.approx(expected.dog, abs=1e-5)
    assert verdict["dog_calibrated"] == pytest.approx(expected.dog_calibrated, abs=1e-5)


@pytest.mark.parametrize(
    ("endpoint", "settings"),
    [
        ("/compare", ("classic", "dog_pooled_64")),
        ("/scratch", (5, "classic")),
        ("/transfer", ("dog_pooled_64",)),
    ],
)
def test_the_shown_probabilities_can_be_chosen_and_both_are_told(client, endpoint, settings):
    usual, believed, raw = (
        client.predict(handle_file(str(DOG)), *settings, *more, api_name=endpoint)
        for more in ((), ("calibrated",), ("raw",))
    )
    assert usual[0]["verdicts"][-1]["classes"] == raw[0]["verdicts"][-1]["classes"]
    said = raw[0]["verdicts"][0]
    for answer, card, dog in (
        (believed, "Calibrated; the", "dog_calibrated"),
        (raw, "As the", "dog"),
    ):
        assert card in answer[-1] and f"Dog: {percent(said[dog])}" in text(answer[-1])
    assert "Calibrated; the" in usual[-1] and "As the" not in usual[-1]
    if endpoint == "/compare":  # the dog question follows
        for answer, dog in ((believed, "dog_calibrated"), (raw, "dog")):
            assert f"From scratch {percent(said[dog])} " in text(answer[1])


def test_a_cifar_10_image_gives_what_the_network_gives_on_the_raw_array(client, tmp_path):
    images, _ = cifar10_data.cifar10_sample()
    expected = scratch.load("classic").run(images[::9].astype("float32") / 255)[0]
    for number, (image, row) in enumerate(zip(images[::9], expected, strict=True)):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        answer = ask(client, "/scratch", tmp_path / f"{number}.png", 10, "classic")
        said = {e["label"]: e["probability"] for e in answer["verdicts"][0]["classes"]}
        np.testing.assert_allclose([said[name] for name in scratch.labels.CIFAR10], row, atol=1e-5)


def test_it_looks_six_times_if_it_is_asked_to(client):
    (verdict,) = ask(client, "/scratch", DOG, 5, "fast", "calibrated", True)["verdicts"]
    (expected,) = scratch.predict([open_image(DOG)], 5, "fast", use_tta=True)
    assert verdict["looks"] == expected.views == 6
    assert verdict["dog"] == pytest.approx(expected.dog, abs=1e-5)
    (once,) = ask(client, "/scratch", DOG, 5, "fast")["verdicts"]
    assert once["looks"] == 1 and once["dog"] != pytest.approx(expected.dog, abs=1e-5)


@pytest.mark.parametrize("top", [1, 10])
def test_as_many_classes_come_back_as_were_asked_for(client, top):
    (verdict,) = ask(client, "/pretrained", DOG, top)["verdicts"]
    assert len(verdict["classes"]) == top


@pytest.mark.parametrize("head", ["dog_flatten_64", "dog_pooled_1000"])
def test_another_head_can_be_asked(client, head):
    (verdict,) = ask(client, "/transfer", DOG, head)["verdicts"]
    assert {entry["label"] for entry in verdict["classes"]} == {"dog", "not a dog"}


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        ("/scratch", (0, "classic")),
        ("/scratch", (11, "classic")),
        ("/scratch", (2.5, "classic")),
        ("/scratch", (3, "../classic")),
        ("/transfer", ("no such head",)),
        ("/compare", ("classic", "dog_pooled_64", "certain")),
        ("/scratch", (3, "classic", None)),
        ("/scratch", (3, "fast", "raw", "six")),
        ("/scratch", (3, "fast", "raw", 1)),
        ("/scratch", (3, "fast", "raw", None)),
        ("/transfer", ("dog_pooled_64", ["raw"])),
    ],
)
def test_settings_that_do_not_exist_are_refused(client, endpoint, more):
    with pytest.raises(AppError, match=r"can't be shown|choose (one of|calibrated or raw|true)"):
        ask(client, endpoint, DOG, *more)


@pytest.mark.parametrize("endpoint", ["/compare", "/scratch", "/pretrained", "/transfer"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"just text", "not a picture"),
        (DOG.read_bytes()[:700], "damaged or incomplete"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ],
)
def test_a_bad_file_gets_one_sentence(client, tmp_path, endpoint, content, sentence):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(AppError, match=sentence) as error:
        ask(client, endpoint, tmp_path / "bad.png")
    assert str(error.value).startswith("bad.png ")
    assert "/" not in str(error.value) and "Traceback" not in str(error.value)


def test_a_file_over_the_byte_limit_is_refused_at_the_upload(app):
    files = {"files": ("large.png", DOG.read_bytes() + bytes(MAX_BYTES))}
    answer = httpx.post(f"{app.url}/gradio_api/upload", files=files, timeout=60)
    assert answer.status_code == 413


def test_no_picture_is_no_error(client):
    assert client.predict(None, api_name="/compare")[0] == {}


def test_a_data_address_is_a_picture_too(client):
    uri = "data:image/png;base64," + base64.b64encode(DOG.read_bytes()).decode()
    picture = {"url": uri, "path": None, "meta": {"_type": "gradio.FileData"}}
    (verdict,) = client.predict(picture, api_name="/scratch")[0]["verdicts"]
    assert verdict["classes"][0]["label"] == "dog"


def test_a_file_of_the_server_cannot_be_asked_for(app):
    body = {"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}
    event = httpx.post(f"{app.url}/gradio_api/call/compare", json=body).json()["event_id"]
    stream = httpx.get(f"{app.url}/gradio_api/call/compare/{event}", timeout=60).text
    assert stream.startswith("event: error")
    assert "root:" not in stream


def test_many_calls_at_once_get_their_own_answers(client, tmp_path):
    images, _ = cifar10_data.cifar10_sample()
    chosen = images[::5]
    expected = scratch.predict([Image.fromarray(image) for image in chosen])
    for number, image in enumerate(chosen):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    files = [tmp_path / f"{number}.png" for number in range(len(chosen))]
    with ThreadPoolExecutor(len(files)) as pool:
        answers = list(pool.map(lambda file: ask(client, "/scratch", file), files))
    for file, answer, verdict in zip(files, answers, expected, strict=True):
        assert answer["file"] == file.name
        assert answer["verdicts"][0]["dog"] == pytest.approx(verdict.dog, abs=1e-5)


def test_every_endpoint_is_documented_and_nothing_else_is_offered(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {
        "/compare",
        "/scratch",
        "/pretrained",
        "/transfer",
        "/explain",
        "/train_scratch",
        "/train_head",
        "/train_control",
        "/train_status",
        "/fetch_cifar10",
        "/runs",
        "/feature_maps",
        "/dataset_sample",
        "/vgg16_start",
        "/vgg16_stop",
        "/vgg16_status",
        "/evaluate",
        "/results",
        "/teach_new",
        "/teach_add",
        "/teach_train",
        "/teach_ask",
        "/teach_save",
        "/teach_open",
    }
    for name, described in endpoints.items():
        assert described["description"], name


def test_the_status_of_vgg16_is_plain_json(client):
    status = client.predict(api_name="/vgg16_status")
    assert set(status) == {"state", "done", "total", "message"}
    json.dumps(status)


def test_an_answer_does_not_depend_on_the_format(client, tmp_path):
    picture = Image.open(io.BytesIO(DOG.read_bytes()))
    picture.save(tmp_path / "dog.bmp")
    picture.save(tmp_path / "dog.webp", lossless=True)
    dogs = [
        ask(client, "/scratch", file)["verdicts"][0]["dog"]
        for file in (DOG, tmp_path / "dog.bmp", tmp_path / "dog.webp")
    ]
    assert dogs == pytest.approx([dogs[0]] * 3, abs=1e-5)


# Training by program


@pytest.fixture
def trains(cifar10):
    """Nothing is trained afterwards, whatever a test did."""
    yield
    trainer.close()


def wait_for(client: Client, run: str, state: str) -> dict:
    """The run's status as soon as its state is that one."""
    deadline = time.monotonic() + 600  # a busy machine may measure for minutes
    while (status := client.predict(run, api_name="/train_status"))["state"] != state:
        assert time.monotonic() < deadline, status
        time.sleep(0.2)
    return status


@pytest.mark.slow
def test_a_training_is_stopped_resumed_finished_and_its_network_asked(client, trains):
    settings = {"network": "classic", "epochs": 40, "limit": 320, "validation_images": 100}
    run = client.predict(settings, "by program", api_name="/train_scratch")
    assert run == "by program"
    with pytest.raises(AppError, match="by program is being trained"):
        client.predict(settings, "", api_name="/train_scratch")
    client.predict(run, "stop", api_name="/train_control")
    assert wait_for(client, run, "stopped")["epoch"] == 0
    with pytest.raises(AppError, match="no whole epoch yet"):
        client.predict(run, "measure", api_name="/train_control")
    client.predict(run, "resume", api_name="/train_control")
    client.predict(run, "finish", api_name="/train_control")
    while_it_trains = ask(client, "/compare", DOG)["verdicts"][0]
    assert while_it_trains["classes"][0]["label"] == "dog"
    status = wait_for(client, run, "finished")
    assert status["epoch"] == 1 and status["epochs"] == 40
    assert 0 < status["test_accuracy"] < 1 and status["problem"] == ""
    (verdict,) = ask(client, "/scratch", DOG, 5, run)["verdicts"]
    assert verdict["model"] == f"classic CNN, run {run}"
    first = client.predict(api_name="/runs")[0]
    assert first["name"] == run and first["test_accuracy"] == status["test_accuracy"]
    manage_runs.delete(run)
    with pytest.raises(AppError, match="There is no trained network"):
        ask(client, "/scratch", DOG, 5, run)


def test_a_head_is_trained_in_a_moment(client):
    run = client.predict({"epochs": 30, "hidden": 8, "apart": 0.25}, api_name="/train_head")
    status = wait_for(client, run, "finished")
    assert status["best_validation_accuracy"] > 0.5
    (verdict,) = ask(client, "/transfer", DOG, run)["verdicts"]
    assert verdict["model"].endswith(run) and verdict["classes"][0]["label"] == "dog"
    manage_runs.delete(run)


@pytest.mark.parametrize(
    ("endpoint", "arguments", "sentence"),
    [
        ("/train_scratch", ({"epochs": 0},), "Epochs: choose a whole number"),
        ("/train_scratch", ({"steps": 3},), "There is no setting 'steps'"),
        ("/train_scratch", ({}, "../escaped"), "A run's name"),
        ("/train_scratch", ({}, "classic"), "There is a classic already"),
        ("/train_head", ({"head": "none"},), "There is no head none"),
        ("/train_head", ({}, "/etc"), "There are no photos '/etc'"),
        ("/train_control", ("classic", "pause"), "is not being trained now"),
        ("/train_control", ("classic", "resume"), "nothing to resume"),
        ("/train_control", ("classic", "explode"), "There is no action 'explode'"),
        ("/train_control", ("../../etc", "stop"), "There is no trained network"),
        ("/train_status", ("nobody",), "There is no trained network"),
    ],
)
def test_training_that_makes_no_sense_gets_one_sentence(
    client, cifar10, endpoint, arguments, sentence
):
    before = len(client.predict(api_name="/runs"))
    with pytest.raises(AppError, match=sentence):
        client.predict(*arguments, api_name=endpoint)
    assert len(client.predict(api_name="/runs")) == before


def test_visitors_of_a_public_page_are_bounded(client, cifar10, monkeypatch):
    monkeypatch.setattr(trainer, "permissions", Permissions(train=False, manage=False))
    for endpoint, arguments in (
        ("/train_scratch", ({},)),
        ("/train_control", ("classic", "stop")),
    ):
        with pytest.raises(AppError, match="--allow-training"):
            client.predict(*arguments, api_name=endpoint)
    monkeypatch.setattr(trainer, "permissions", Permissions(limits=Limits(epochs=3, runs=0)))
    with pytest.raises(AppError, match="as many as visitors may make"):
        client.predict({}, api_name="/train_head")
    monkeypatch.setattr(trainer, "permissions", Permissions(limits=Limits(epochs=3)))
    with pytest.raises(AppError, match="Visitors may train 3 epochs"):
        client.predict({"epochs": 4}, api_name="/train_scratch")


# What the benchmarks ask


@pytest.mark.slow
def test_the_benchmark_of_explaining_asks_the_page_as_it_is(client, monkeypatch):
    benchmark = script_module("benchmark").page
    monkeypatch.setattr(benchmark, "running_demo", lambda: contextlib.nullcontext(client))
    report = benchmark.explaining(rounds=1)
    assert set(report["ratio"]) == set(benchmark.EXPLANATIONS)
    assert all(ratio > 0 for ratio in report["ratio"].values())


def test_the_benchmark_of_answering_takes_looks_and_networks_apart():
    report = script_module("benchmark").inference.answering(rounds=3)
    took = report["milliseconds"]
    assert took["classic"] > 0 and 0 < took["fast"] < took["fast_views"]
    assert report["ratio"]["fast_views"] > 1
