"""What strangers may name: files that they did not upload, links with values, others' projects."""

import asyncio
import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from hypothesis import given
from hypothesis import strategies as st
from support.app import uploads, visit_by_program

from imgrec.errors import UploadError
from imgrec.files.paths import IMAGES, ROOT
from imgrec.teaching.store import projects
from imgrec.ui.access.guard import NO_LINKS
from imgrec.ui.access.uploaded_files import NOT_UPLOADED, check_uploads, uploaded_file
from imgrec.ui.access.visitors import COOKIE
from imgrec.ui.page import SESSIONS

DOG = IMAGES / "examples" / "cifar10_dog.png"
META = {"_type": "gradio.FileData"}


@contextlib.contextmanager
def hostile_paths() -> Iterator[dict[str, str]]:
    """Paths that nobody may name, by what they are; some lie in the upload folder themselves."""
    folder = uploads() / uuid.uuid4().hex
    folder.mkdir()
    link, pipe = folder / "link.png", folder / "pipe.png"
    link.symlink_to(DOG)
    os.mkfifo(pipe)
    (folder / "inside").symlink_to(DOG.parent, target_is_directory=True)
    guessed = hashlib.sha256(DOG.read_bytes()).hexdigest()
    try:
        yield {
            "a picture of the server": str(DOG),
            "a text": str(ROOT / "README.md"),
            "git's settings": str(ROOT / ".git" / "config"),
            "a secret": "/etc/passwd",
            "no file": str(ROOT / "there is none.png"),
            "the upload folder": str(uploads()),
            "a folder in it": str(folder),
            "dots": str(uploads() / ".." / ".." / "etc" / "passwd"),
            "a relative path": os.path.relpath(DOG),
            "a link": str(link),
            "below a link": str(folder / "inside" / DOG.name),
            "a pipe": str(pipe),
            "a device": "/dev/zero",
            "a standard input": "/dev/stdin",
            "another visitor's, guessed": str(uploads() / guessed / DOG.name),
            "an address": "http://127.0.0.1:1/secret.png",
            "an address of a file": f"file://{DOG}",
            "nothing": "",
            "a null": "a\0b",
            "too long": "x" * 5000,
        }
    finally:
        pipe.unlink()
        link.unlink()
        (folder / "inside").unlink()
        folder.rmdir()


def files(path: str) -> dict[str, dict]:
    """How a client may describe a file at that path."""
    return {
        "without meta": {"path": path},
        "with meta": {"path": path, "meta": META},
        "with another meta": {"path": path, "meta": {"_type": "gradio.Other"}},
        "with an empty meta": {"path": path, "meta": {}},
        "with a name": {"path": path, "orig_name": "dog.png", "url": None, "is_stream": True},
        "with an address": {"path": path, "url": "http://127.0.0.1:1/", "meta": META},
        "as one of several": [{"path": path}],
        "inside another": {"value": {"image": {"path": path}}},
    }


# One function that every path goes through


@pytest.fixture
def upload() -> Iterator[Path]:
    """A file in the upload folder, as gradio would have put it there."""
    folder = uploads() / uuid.uuid4().hex
    folder.mkdir()
    file = folder / "a picture.png"
    file.write_bytes(DOG.read_bytes())
    yield file
    file.unlink()
    folder.rmdir()


def test_what_was_uploaded_is_found(upload):
    assert uploaded_file({"path": str(upload)}) == upload.resolve()
    check_uploads([None, 3, {"files": [{"path": str(upload)}]}, {"path": None, "url": "data:,"}])


def test_any_other_path_gets_one_and_the_same_sentence():
    with hostile_paths() as paths:
        for what, path in paths.items():
            for how, file in files(path).items():
                with pytest.raises(UploadError) as caught:
                    check_uploads(file)
                assert str(caught.value) == NOT_UPLOADED, (what, how)
            with pytest.raises(UploadError) as caught:
                uploaded_file({"path": path})
            assert str(caught.value) == NOT_UPLOADED, what


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_no_path_of_an_upload_is_refused_whatever_it_is(value):
    for forged in ({"path": value}, value):
        with pytest.raises(UploadError, match=NOT_UPLOADED):
            uploaded_file(forged)
    if value is not None:
        with pytest.raises(UploadError, match=NOT_UPLOADED):
            check_uploads([{"a": [{"path": value}]}])


# Each listener of the page


def ask_all(app, calls: list[dict]) -> dict[str, dict]:
    """What the calls come to, by their `trigger_id`; they wait in the queue side by side."""
    session = uuid.uuid4().hex
    waiting, answers = {}, {}
    with httpx.Client(base_url=app.url, timeout=60) as client:
        for call in calls:
            body = {**call, "session_hash": session}
            joined = client.post("/gradio_api/queue/join", json=body)
            if joined.status_code == 200:
                waiting[joined.json()["event_id"]] = call["trigger_id"]
            else:
                answers[call["trigger_id"]] = joined.text
        with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data: ") or "{}")
                if message.get("msg") == "process_completed":
                    answers[waiting.pop(message["event_id"])] = message["output"]
                if not waiting:
                    break
    return answers


def listeners(app) -> list[dict]:
    """The listeners of `/config` that run on the server."""
    config = httpx.get(f"{app.url}/config", timeout=60).json()
    return [each for each in config["dependencies"] if each["backend_fn"]]


ATTACK = {"path": str(DOG)}
EVENT = {"files": [{"name": "a.png", **ATTACK}]}


def test_no_listener_takes_a_path_that_was_not_uploaded(app):
    asked = [app.page.fns[each["id"]] for each in listeners(app)]
    assert len(asked) > 120
    for listener in asked:
        nothing, attacked = ([value] * len(listener.inputs) for value in (None, ATTACK))
        event = gr.EventData(None, EVENT)
        for inputs, sent in ((attacked, None), (nothing, event)):
            if sent or inputs:
                with pytest.raises(gr.Error, match=NOT_UPLOADED):
                    asyncio.run(app.page.process_api(listener, inputs, event_data=sent))


@pytest.mark.parametrize("where", ["input", "event"])
def test_nor_does_one_that_is_called_through_the_queue(app, where):
    asked = [each for each in listeners(app) if where == "event" or each["inputs"]][::10]
    calls = [
        {
            "fn_index": each["id"],
            "trigger_id": each["id"],
            "data": [ATTACK if where == "input" else None] * len(each["inputs"]),
            "event_data": EVENT if where == "event" else None,
        }
        for each in asked
    ]
    answers = ask_all(app, calls)  # fewer than may wait in the queue
    assert {each["api_name"]: answers[each["id"]]["error"] for each in asked} == {
        each["api_name"]: NOT_UPLOADED for each in asked
    }


def named_endpoints(app) -> dict[str, dict]:
    return httpx.get(f"{app.url}/gradio_api/info", timeout=60).json()["named_endpoints"]


def test_no_endpoint_tells_of_a_file_of_the_server(app):
    taking = {
        name: [each["component"] for each in described["parameters"]]
        for name, described in named_endpoints(app).items()
        if any(each["component"] in ("Image", "File") for each in described["parameters"])
    }
    assert {"/compare", "/explain", "/evaluate", "/teach_add", "/teach_open"} <= set(taking)
    with hostile_paths() as paths:
        for attack in (
            {"path": paths["a picture of the server"]},
            {"path": paths["no file"], "meta": META},
            {"path": paths["a link"], "meta": {"_type": "another"}},
        ):
            for name, components in taking.items():
                data = [
                    attack if component in ("Image", "File") else "" for component in components
                ]
                address = f"{app.url}/gradio_api/call{name}"
                event = httpx.post(address, json={"data": data}).json()["event_id"]
                answer = httpx.get(f"{address}/{event}", timeout=60).text
                assert answer.startswith("event: error") and NOT_UPLOADED in answer, name


# Links with values


def test_no_link_with_values_is_made_or_opened(app):
    session = uuid.uuid4().hex
    for address in (
        f"/gradio_api/deep_link?session_hash={session}",
        f"/gradio_api/deep_link/?session_hash={session}",
        "/?deep_link=abcdefgh",
        "/?deep%5Flink=abcdefgh",
        "/?deep_link=",
        "/?__theme=dark&deep_link=a",
        "/config?deep_link=abcdefgh",
    ):
        answer = httpx.get(app.url + address)
        assert (answer.status_code, answer.text) == (404, NO_LINKS), address
    assert httpx.get(f"{app.url}/?__theme=dark").status_code == 200


def test_no_listener_takes_html(app):
    components = httpx.get(f"{app.url}/config", timeout=60).json()["components"]
    kinds = {each["id"]: each["type"] for each in components}
    taken = {kinds[place] for each in listeners(app) for place in each["inputs"]}
    assert "browserstate" in taken and "image" in taken
    assert taken.isdisjoint({"html", "markdown"})


# Others' projects


def teaching_listeners(app) -> list[dict]:
    """Those that take the project's token from the browser's storage, with where it stands."""
    components = httpx.get(f"{app.url}/config", timeout=60).json()["components"]
    storage = {each["id"] for each in components if each["type"] == "browserstate"}
    return [each for each in listeners(app) if storage & set(each["inputs"])]


def test_a_token_from_storage_counts_only_for_the_browser_that_began_the_project(app):
    token = projects.create(owner="its browser")
    projects.get(token).add_class("a secret class")
    (look,) = (each for each in teaching_listeners(app) if each["api_name"] == "look")
    call = {"fn_index": look["id"], "trigger_id": 0, "data": [token, 0]}

    def asked(cookie: str | None) -> str:
        session, cookies = uuid.uuid4().hex, {COOKIE: cookie} if cookie else {}
        with httpx.Client(base_url=app.url, cookies=cookies, timeout=60) as client:
            body = {**call, "session_hash": session}
            client.post("/gradio_api/queue/join", json=body).raise_for_status()
            address = f"/gradio_api/queue/data?session_hash={session}"
            return client.get(address).text

    try:
        assert "a secret class" in asked("its browser")
        for other in ("another browser", None, ""):
            assert "a secret class" not in asked(other)
            assert token not in asked(other)
    finally:
        projects.remove(token)


def test_a_programs_project_is_no_browsers(app):
    token = Client(app.url, verbose=False).predict(api_name="/teach_new")["token"]
    try:
        assert projects.get(token) is not None
        assert not any(projects.belongs_to(token, visitor) for visitor in ("", "somebody"))
    finally:
        projects.remove(token)


def test_the_page_gives_each_browser_a_cookie_that_no_script_reads(app):
    html = {"accept": "text/html,*/*"}
    one, other = (httpx.get(app.url, headers=html).headers["set-cookie"] for _ in range(2))
    assert one != other
    assert one.startswith(f"{COOKIE}=") and "HttpOnly" in one and "SameSite=Lax" in one
    value = one.partition("=")[2].partition(";")[0]
    again = httpx.get(app.url, headers=html, cookies={COOKIE: value})
    assert "set-cookie" not in again.headers
    assert "set-cookie" not in httpx.get(f"{app.url}/config").headers


# Memory


def resident() -> float:
    """MB of this process in memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_sessions_that_are_over_leave_nothing_in_memory(app):
    with httpx.Client(base_url=app.url, timeout=60) as client:
        for _ in range(SESSIONS):  # as many as are kept
            visit_by_program(client)
        before = resident()
        for _ in range(300):
            visit_by_program(client)
    assert resident() - before < 30
