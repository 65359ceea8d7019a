"""A minGRU training that diverges: one line with the step, the last good weights on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from spicetwin.cli import main  # noqa: E402
from spicetwin.train.mingru import MinGruStack  # noqa: E402

SMALL = """
task = "digits"
[network]
columns = [4]
rows = 4
bits = 2
[train]
epochs = 3
batch = 256
validation = 100
"""


def test_diverging_training_keeps_the_weights_of_the_last_whole_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    description, out = tmp_path / "small.toml", tmp_path / "out"
    description.write_text(SMALL)
    passes, forward = [], MinGruStack.forward
    # 1,338 samples train: 6 steps an epoch, then one batch is checked; step 8 is the second of epoch 2.

    def poisoned(self: MinGruStack, *given: Any) -> Any:
        scores = forward(self, *given)
        if torch.is_grad_enabled():
            passes.append({n: p.detach().clone() for n, p in self.named_parameters()})
        return scores * float("nan") if len(passes) == 8 else scores

    monkeypatch.setattr(MinGruStack, "forward", poisoned)
    assert main(["train", str(description), "-o", str(out), "--threads", "1"]) == 2
    line = " ".join(capsys.readouterr().err.split())
    assert "training diverged at step 8 (epoch 2): loss nan" in line
    assert "last_good.pt" in line
    kept = torch.load(out / "last_good.pt", weights_only=True)
    assert len(kept["curve"]) == 1
    for name, value in passes[6].items():  # the first pass of epoch 2 sees what epoch 1 left
        torch.testing.assert_close(kept["net"][name], value, rtol=0.0, atol=0.0)
