"""Augmentation of images: small shifts and changes of scale, drawn per image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def augmented(
    images: NDArray[np.uint8], shift: float, stretch: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Images (samples, height, width) moved by up to ``shift`` pixels and scaled, sheared and turned.

    ``stretch`` bounds each entry of the deviation of the 2 x 2 map from identity, so 0.1 means up to 10 % in
    size and about 6 degrees. Pixels are interpolated bilinearly; outside the image is black. Every second image,
    drawn, stays as it is: interpolation blurs, and the test is not blurred.
    """
    if shift == 0 and stretch == 0:
        return images
    n, height, width = images.shape
    matrix = np.eye(2) + rng.uniform(-stretch, stretch, (n, 2, 2))
    offset = rng.uniform(-shift, shift, (n, 2))
    same = rng.random(n) < 0.5
    matrix[same], offset[same] = np.eye(2), 0.0
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = (
        np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).reshape(-1, 2) - middle
    )
    source = grid @ matrix.transpose(0, 2, 1) + (offset + middle)[:, None]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    row = np.clip(source[..., 0] + 1, 0, height + 1 - 1e-6)
    col = np.clip(source[..., 1] + 1, 0, width + 1 - 1e-6)
    i, j = row.astype(np.int64), col.astype(np.int64)
    u, v = row - i, col - j
    k = np.arange(n)[:, None]
    value = (1 - u) * ((1 - v) * padded[k, i, j] + v * padded[k, i, j + 1]) + u * (
        (1 - v) * padded[k, i + 1, j] + v * padded[k, i + 1, j + 1]
    )
    moved: NDArray[np.uint8] = np.rint(value).astype(np.uint8).reshape(n, height, width)
    return moved
