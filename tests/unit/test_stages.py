from __future__ import annotations

import pytest

from marquee.reindex.stages import Meter


def test_the_share_of_the_whole_grows_with_the_stages() -> None:
    meter = Meter()
    meter.start("reading name.basics", 100, "bytes")
    meter.advance(50)
    half = meter.read()
    assert 0 < half.percent < 3
    meter.start("index actors", 200, "docs")
    loading = meter.read()
    assert loading.percent > half.percent
    meter.advance(200)
    done = meter.read()
    assert done.percent - loading.percent == pytest.approx(40.3, abs=0.5)
    assert (done.stage, done.done, done.total, done.unit) == ("index actors", 200, 200, "docs")


def test_it_is_never_done_before_it_is() -> None:
    meter = Meter()
    for stage in ("reading name.basics", "joining people", "index actors", "index actors", "index actors"):
        meter.start(stage, 1)
        meter.advance(1)
    meter.finish()
    assert meter.read().percent <= 99.9


def test_figures_tell_what_each_stage_took() -> None:
    meter = Meter()
    meter.start("index actors", None, "docs")
    meter.advance(7)
    meter.finish()
    (figures,) = meter.figures
    assert (figures.stage, figures.done, figures.unit) == ("index actors", 7, "docs")
    assert figures.took_s >= 0


def test_a_stage_of_another_name_has_no_share() -> None:
    meter = Meter()
    meter.start("download", 10, "bytes")
    meter.advance(10)
    reading = meter.read()
    assert (reading.percent, reading.eta_s) == (0.0, None)
