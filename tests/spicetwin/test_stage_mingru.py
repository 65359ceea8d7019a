"""The minGRU section: cores beside their twins, and the packaged network on drawn chips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray

from spicetwin.cli import main
from spicetwin.pipeline import Stage, run_pipeline
from spicetwin.stages import mingru as stage

pytest.importorskip("sklearn", reason="the digits lie inside scikit-learn")


@pytest.mark.ngspice
def test_section_compares_cores_and_runs_the_network_on_chips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "QUICK_CHIPS", 6)
    monkeypatch.setenv("SPICETWIN_CACHE", str(tmp_path / "cache"))
    chosen = (Stage("mingru", "minGRU core", stage.mingru),)
    document = run_pipeline(tmp_path / "run", quick=True, jobs=1, chosen=chosen)
    assert document.passed, [check for _, check in document.checks() if not check.passed]
    (section,) = document.sections
    assert {table.caption for table in section.tables} >= {"Networks on drawn chips"}
    for name in ("mingru-accuracy", "mingru-confusion"):
        assert (tmp_path / "run" / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "data" / "compare_mingru.nc").is_file()


def test_simulate_tells_and_writes_every_chip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = Path("examples/chips_mingru.toml").read_text()
    described = tmp_path / "chips.toml"
    described.write_text(example.replace("chips = 100", "chips = 2\nsamples = 100"))
    out = tmp_path / "chips.nc"
    assert main(["simulate", str(described), "--json", "-o", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["chips"], told["samples"], told["table"].split("@")[0]) == (2, 100, "mingru_generic130")
    with xarray.open_dataset(out) as data:
        assert data["decision"].shape == (2, 100)
        assert float(data["accuracy"].mean()) == pytest.approx(told["accuracy"]["mean"])
        assert len(set(data["chip_id"].values)) == 2
    assert main(["simulate", str(described)]) == 0
    assert "typical chip without spread and noise" in capsys.readouterr().out


def test_the_packaged_description_is_that_of_the_examples() -> None:
    packaged = Path(stage.NETWORK).read_text()
    assert packaged == Path("examples/chips_mingru.toml").read_text()


def test_simulate_names_the_line_of_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = tmp_path / "chips.toml"
    described.write_text('network = "mingru_digits"\ntable = "dpi_generic130"\ntask = "digits"\n')
    assert main(["simulate", str(described)]) == 2
    assert "lacks the entry mingru.v_fs" in capsys.readouterr().err
    described.write_text('network = "mingru_digits"\ntable = "assumed"\ntask = "digits"\nchips = 0\n')
    assert main(["simulate", str(described)]) == 2
    assert "chips.toml:4: chips" in capsys.readouterr().err
