"""Gradients of the compiled scan: numerical differences, and a plain PyTorch loop with the same rules."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [train] is not installed")

from spicetwin.train.quantise import bias_codes, weight_levels  # noqa: E402
from spicetwin.train.scan import GatedScan, Scan, stored  # noqa: E402

NO_NOISE = (np.zeros(1), np.zeros((0, 0), dtype=np.int64))


def column(width: int, rng: np.random.Generator) -> torch.Tensor:
    rows = [
        rng.uniform(0.5, 1.5, width),
        rng.normal(0.0, 0.2, width),
        rng.uniform(2.0, 6.0, width),
        rng.uniform(15.0, 40.0, width),
        rng.normal(0.0, 0.3, width),
        np.full(width, 1 / 64),
    ]
    return torch.tensor(np.array(rows))


def loop(drive: torch.Tensor, c: torch.Tensor, scan: Scan) -> tuple[torch.Tensor, torch.Tensor]:
    """The definition, step by step, with straight-through rounding."""
    width = c.shape[1]
    h = c[4].expand(drive.shape[0], width)
    outs = []
    for t in range(drive.shape[1]):
        a = c[0] * drive[:, t, :width] + c[1]
        s = c[2] * drive[:, t, width:] + c[3]
        k = s.clamp(0.0, scan.levels)
        if scan.rounded:
            k = k + (torch.floor(s + 0.5).clamp(0.0, scan.levels) - k).detach()
        h = h + k * c[5] * (a - h)
        if scan.output == "binary":
            q = scan.steepness
            soft = 1.0 / (1.0 + q * h.detach().abs()) ** 2 * q * h
            outs.append((h > 0).to(h.dtype).detach() + soft - soft.detach())
        elif scan.output == "clipped":
            outs.append((scan.steepness * h + 0.5).clamp(0.0, 1.0))
        else:
            outs.append(scan.steepness * h)
    return torch.stack(outs, 1), h


def test_scan_gradient_equals_numerical_differences() -> None:
    rng = np.random.default_rng(1)
    drive = torch.tensor(rng.normal(0.0, 1.0, (2, 7, 6)), requires_grad=True)
    rows = column(3, rng)
    trained = rows[:5].clone().requires_grad_()

    def run(drive: torch.Tensor, trained: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        c = torch.cat([trained, rows[5:]])
        scan = Scan(63.0, False, "linear", 3.0)
        return tuple(GatedScan.apply(drive, c, scan, *NO_NOISE, torch.float64))

    assert torch.autograd.gradcheck(run, (drive, trained), eps=1e-6, atol=1e-7)


@pytest.mark.parametrize("output", ["linear", "clipped", "binary"])
@pytest.mark.parametrize("rounded", [False, True])
def test_scan_equals_a_plain_loop_forward_and_backward(output: str, rounded: bool) -> None:
    rng = np.random.default_rng(2)
    scan = Scan(63.0, rounded, output, 4.0, leak=0.0)
    values = rng.normal(0.0, 4.0, (3, 40, 10))
    upstream = torch.tensor(rng.normal(size=(3, 40, 5))), torch.tensor(rng.normal(size=(3, 5)))
    results = []
    for function in ("scan", "loop"):
        drive = torch.tensor(values, requires_grad=True)
        c = column(5, np.random.default_rng(3)).requires_grad_()
        if function == "scan":
            out, last = GatedScan.apply(drive, c, scan, *NO_NOISE, torch.float64)
        else:
            out, last = loop(drive, c, scan)
        ((out * upstream[0]).sum() + (last * upstream[1]).sum()).backward()
        results.append((out.detach(), last.detach(), drive.grad, c.grad[:5]))
    for mine, expected in zip(*results, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-11)


def test_a_gate_outside_its_range_passes_only_gradients_that_bring_it_back() -> None:
    c = torch.tensor([[1.0], [1.0], [1.0], [-5.0], [0.0], [1 / 64]], dtype=torch.float64, requires_grad=True)
    scan = Scan(63.0, True, "linear", 1.0, leak=0.1)
    for sign, expected in ((-1.0, -0.1 / 64), (1.0, 0.0)):
        c.grad = None
        drive = torch.zeros((1, 1, 2), dtype=torch.float64, requires_grad=True)
        _, last = GatedScan.apply(drive, c, scan, *NO_NOISE, torch.float64)
        (sign * last.sum()).backward()
        assert c.grad is not None
        assert c.grad[3, 0].item() == pytest.approx(expected)


def test_bfloat16_carries_two_bit_rows_without_error() -> None:
    rng = np.random.default_rng(4)
    x = torch.tensor(rng.integers(0, 2, (2, 30, 64)), dtype=torch.float32)
    levels = weight_levels(torch.tensor(rng.uniform(-1, 1, (64, 16)), dtype=torch.float32))
    exact = x @ levels
    short = x.bfloat16() @ levels.bfloat16()
    np.testing.assert_array_equal(short.float().numpy(), exact.numpy())
    c = column(8, rng).float()
    c[0], c[2] = 1 / 192, 60 / 192
    scan = Scan(63.0, True, "binary", 4.0)
    noise = (np.zeros(1, dtype=np.float32), np.zeros((0, 0), dtype=np.int64))
    wide, _ = GatedScan.apply(exact, c, scan, *noise, torch.float32)
    narrow, _ = GatedScan.apply(short, c, scan, *noise, torch.bfloat16)
    np.testing.assert_array_equal(wide.numpy(), narrow.float().numpy())
    assert 0.05 < wide.mean() < 0.95


def test_noise_gives_the_state_the_same_variance_at_every_gate() -> None:
    gates = torch.tensor([1.0, 4.0, 16.0, 32.0, 63.0], dtype=torch.float64)
    nothing = torch.zeros(5, dtype=torch.float64)
    c = torch.stack([nothing, nothing, nothing, gates, nothing, torch.full_like(nothing, 1 / 64)])
    rng = np.random.default_rng(9)
    pool, where = 0.01 * rng.standard_normal(1 << 16), rng.integers(0, (1 << 16) - 5, (500, 700))
    scan = Scan(63.0, True, "linear", 1.0)
    out, _ = GatedScan.apply(
        torch.zeros((500, 700, 10), dtype=torch.float64), c, scan, pool, where, torch.float64
    )
    np.testing.assert_allclose(out[:, 300:].std(dim=(0, 1)).numpy(), 0.01, rtol=0.03)


def test_quantisers_keep_to_their_sets_and_pass_gradients_inside() -> None:
    w = torch.tensor([-2.0, -0.9, -0.5, -0.1, 0.1, 0.7, 3.0], requires_grad=True)
    levels = weight_levels(w)
    assert levels.tolist() == [-3, -3, -1, -1, 1, 3, 3]
    levels.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [0, 3, 3, 3, 3, 3, 0]
    codes = bias_codes(torch.tensor([-9.0, -0.012, 0.0, 0.3, 9.0]), 0.01, 6)
    assert codes.tolist() == [-32, -1, 0, 30, 31]


def test_stored_arrays_share_memory() -> None:
    tensor = torch.ones(3, dtype=torch.bfloat16)
    stored(tensor)[0] = 0
    assert tensor.tolist() == [0.0, 1.0, 1.0]
