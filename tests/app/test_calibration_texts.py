"""What the tabs of the approaches tell of the calibration."""

from imgrec.approaches import scratch
from imgrec.evaluation import reports
from imgrec.models import calibration_file, registry
from imgrec.ui.approaches import scratch as ui_scratch
from imgrec.ui.approaches import transfer as ui_transfer


def test_the_tabs_tell_what_was_measured(monkeypatch):
    unfamiliar = reports.unfamiliar_report()
    other = unfamiliar.groups["other"].model_copy(update={"n": 719, "flagged": 0.254})
    cifar10 = unfamiliar.groups["cifar10"].model_copy(update={"n": 10_000, "flagged": 0.05})
    made_up = unfamiliar.model_copy(update={"groups": {"other": other, "cifar10": cifar10}})
    monkeypatch.setattr(reports, "unfamiliar_report", lambda: made_up)
    said = " ".join(ui_scratch._text().split())
    measured = calibration_file.load_calibration(registry.find(scratch.DEFAULT))
    mistake = "too sure" if measured.temperature > 1 else "not sure enough"
    pictures = f"On {measured.n:,} pictures (the validation images)"
    assert f"This network is {mistake} of itself. {pictures}" in said
    assert f"**{100 * measured.ece_before:.1f} percentage points** apart" in said
    assert f"the gap is **{100 * measured.ece_after:.1f}**" in said
    assert "It stood on **25 %** of 719 photos of other things, and on 5 % of 10,000" in said
    assert "The head *Pooled, 64 photos* is not sure enough of itself. On 64" in ui_transfer._text()


def test_without_a_calibration_the_texts_do_without_it(monkeypatch):
    assert "It stood on" in ui_scratch._text() and "It is a hint" in ui_scratch._text()
    monkeypatch.setattr(calibration_file, "load_calibration", lambda entry: None)
    for text in (ui_scratch._text(), ui_transfer._text()):
        assert "How sure is it" not in text and "Unlike anything" not in text
