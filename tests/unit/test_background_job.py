"""Work in the background: one at a time, watched, stopped when asked to, its failure told."""

import threading
import time

import pytest

from imgrec.background_job import BackgroundJob, Status
from imgrec.errors import CancelledError, DataError


def until(condition) -> None:
    """Waits for what another thread does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def background():
    return BackgroundJob("test-work")


@pytest.fixture
def gate():
    """What the work waits for."""
    gate = threading.Event()
    yield gate
    gate.set()


def ended(background: BackgroundJob) -> Status:
    until(lambda: not background.status.running)
    return background.status


def test_at_first_nothing_runs(background):
    assert background.status == Status()
    background.cancel()
    assert background.status == Status()


def test_only_one_work_runs_at_a_time(background, gate):
    begun, together = [], threading.Barrier(8)

    def work(report, cancelled):
        begun.append(threading.current_thread().name)
        gate.wait(20)

    accepted = []

    def press():
        together.wait()
        accepted.append(background.start(work))

    visitors = [threading.Thread(target=press) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert sorted(accepted) == [False] * 7 + [True]
    until(lambda: begun)
    assert background.start(work) is False and background.status.running
    gate.set()
    ended(background)
    assert begun == ["test-work"]
    assert background.start(work) is True
    ended(background)
    assert len(begun) == 2


def test_the_progress_can_be_watched(background, gate):
    def work(report, cancelled):
        report("photos", 3, 10)
        gate.wait(20)
        report("training", 1, None)

    background.start(work)
    until(lambda: background.status.done == 3)
    assert background.status == Status(running=True, what="photos", done=3, total=10)
    gate.set()
    assert ended(background) == Status()


def test_a_cancelled_work_ends_and_the_next_one_is_not(background):
    def until_cancelled(report, cancelled):
        until(cancelled)
        raise CancelledError("It was stopped.")

    background.start(until_cancelled)
    background.cancel()
    assert ended(background) == Status(problem="It was stopped.")

    seen = []
    background.start(lambda report, cancelled: seen.append(cancelled()))
    assert ended(background) == Status() and seen == [False]


def test_a_problem_is_told_until_the_next_start(background, gate, caplog):
    def fail(report, cancelled):
        report("photos", 1, 2)
        raise DataError("There are no photos.")

    background.start(fail)
    assert ended(background) == Status(problem="There are no photos.")
    assert "There are no photos." in caplog.text
    background.start(lambda report, cancelled: gate.wait(20))
    assert background.status == Status(running=True)


def test_an_unexpected_error_is_logged_and_its_words_are_not_shown(background, caplog):
    def fail(report, cancelled):
        raise RuntimeError("/home/secret")

    background.start(fail)
    problem = ended(background).problem
    assert problem.endswith("try again.") and "secret" not in problem
    assert "/home/secret" in caplog.text and "test-work failed" in caplog.text
    assert background.start(lambda report, cancelled: None)
