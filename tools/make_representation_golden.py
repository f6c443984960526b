"""Writes tests/golden/representation.csv: the label-free columns of small made-up features, by numpy, from the
definitions (include/eyechart/representation.h) and from the features themselves, not from their Gram matrices.

    python3 tools/make_representation_golden.py >tests/golden/representation.csv

The features are those of features() here and in tests/unit/scores/test_representation.c: exact in both languages.
"""
import numpy as np

from measures import cka_unbiased, mutual_knn, rank


def noise(seed, shape):
    """Uniform in [-1/2, 1/2), the same in C: the high half of a 32-bit product."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    x = (i * 7919 + seed * 104729 + 1) * 2654435761 % 2**32
    x = (x ^ (x >> 15)) * 2246822519 % 2**32
    return ((x >> 8).astype(np.float64) / 2**24 - 0.5).reshape(shape)


def features(seed, n, tokens, channels):
    """[n, tokens, channels]: what images share, their own, noise; every 7th token is long."""
    common, image, token = noise(seed, (channels,)), noise(3, (n, 64)), noise(seed + 1, (n, tokens, channels))
    own = np.stack([image[:, (c * 5) % 64] for c in range(channels)], -1)
    x = common + own[:, None] + 0.5 * token
    x[:, ::7] *= 6.0
    return x.astype(np.float32)


def pooled(f):
    x = f.astype(np.float64).mean(1).astype(np.float32).astype(np.float64)
    return x / np.sqrt((x * x).sum(1).mean())


def cka(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    fro = lambda m: np.sqrt((m * m).sum())
    return fro(y.T @ x) ** 2 / (fro(x.T @ x) * fro(y.T @ y))


def norms(f):
    v = np.linalg.norm(f.astype(np.float64), axis=2)
    return [v.mean(), (v.std(1) / v.mean(1)).mean(), (v > 3 * np.median(v, axis=1, keepdims=True)).mean()]


print("images,tokens,channels,reference channels,cka,cka_unbiased,mutual_knn,rank,norm,norm_cv,norm_outliers,"
      "rank of both,cka of both")
for n, tokens, d, e in [(12, 9, 5, 7), (40, 16, 24, 16), (40, 16, 100, 64), (64, 5, 33, 48), (13, 1, 200, 8)]:
    f, g = features(10, n, tokens, d), features(20, n, tokens, e)
    x, y = pooled(f), pooled(g)
    both = np.concatenate([x, y], 1) / np.sqrt(2)
    values = [cka(x, y), cka_unbiased(x, y), mutual_knn(x, y), rank(x), *norms(f), rank(both), cka(both, y)]
    print(",".join([str(n), str(tokens), str(d), str(e)] + [f"{v:.17g}" for v in values]))
