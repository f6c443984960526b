#!/usr/bin/env python3
"""The peer of perf/correspond: the authors' algorithm for a pair, in PyTorch, two threads.

    correspond_peer.py [PAIRS]     prints pairs and seconds
    correspond_peer.py --version

Features are in memory. As the authors' code (that of GeoAware-SC): both images made unit length for every pair, all P^2 x
P^2 similarities, and the windowed soft-argmax of every source patch, of which the ten that have keypoints are then taken.
"""
import sys
import time

import torch

GRID, CHANNELS, POINTS, WINDOW, BETA = 24, 1024, 10, 5, 0.02


def unit(x):
    return x / (x.norm(dim=-1, keepdim=True) + 1e-10)


def flow(similarity):
    """[P^2, P^2] -> expected (x, y) in patches for every source patch."""
    n = similarity.shape[0]
    best = similarity.argmax(-1)
    offset = torch.arange(-WINDOW, WINDOW + 1)
    dx, dy = (o.flatten() for o in torch.meshgrid(offset, offset, indexing="ij"))
    xs = (best[:, None] % GRID + dx[None]).clamp(0, GRID - 1)
    ys = (best[:, None] // GRID + dy[None]).clamp(0, GRID - 1)
    mask = torch.zeros(n, GRID, GRID)
    mask[torch.arange(n)[:, None], ys, xs] = 1
    masked = similarity.view(n, GRID, GRID) * mask
    weight = torch.exp((masked - masked.amax((1, 2), keepdim=True)) / BETA)
    weight = weight / weight.sum((1, 2), keepdim=True)
    along = torch.linspace(-1, 1, GRID)
    x, y = (weight.sum(1) * along).sum(1), (weight.sum(2) * along).sum(1)
    return (torch.stack([x, y], 1) + 1) * (GRID - 1) / 2


@torch.no_grad()
def match(source, target, patches, truth):
    similarity = unit(source) @ unit(target).T
    stride = 840 / GRID
    points = flow(similarity)[patches].clamp(0, GRID - 1) * stride + stride // 2
    error = (points - truth).norm(dim=-1)
    return [(error < alpha * 400).float().mean().item() for alpha in (0.1, 0.05, 0.01)]


def main():
    if sys.argv[1:] == ["--version"]:
        print(torch.__version__)
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    torch.set_num_threads(2)
    torch.manual_seed(7)
    images = torch.rand(20, GRID * GRID, CHANNELS) - 0.4
    jobs = [(*torch.randint(20, (2,)).tolist(), torch.randint(GRID * GRID, (POINTS,)), 840 * torch.rand(POINTS, 2))
            for _ in range(n + 5)]
    for i, (source, target, patches, truth) in enumerate(jobs):
        if i == 5:
            start = time.perf_counter()
        match(images[source], images[target], patches, truth)
    print(n, f"{time.perf_counter() - start:.4f}")


main()
