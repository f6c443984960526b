"""Label-free measures of features x, y [images, channels], by numpy from their definitions
(include/eyechart/representation.h); for make_representation_golden.py and measures_reference.py.
"""
import numpy as np


def hsic(k, l):
    n, one = len(k), np.ones(len(k))
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    return (np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / (n - 1) / (n - 2)
            - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


def cka_unbiased(x, y):
    k, l = x @ x.T, y @ y.T
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def mutual_knn(x, y, k=10):
    def nearest(z):
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        s = z @ z.T
        np.fill_diagonal(s, -np.inf)
        return np.argsort(-s, axis=1, kind="stable")[:, :k]
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(nearest(x), nearest(y))])


def rank(x):
    s = np.linalg.svd(x - x.mean(0), compute_uv=False)
    p = s[s > 1e-7 * s[0]] / s[s > 1e-7 * s[0]].sum()
    return np.exp(-(p * np.log(p)).sum())
