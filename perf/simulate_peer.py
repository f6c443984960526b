#!/usr/bin/env python3
"""The paper's simulation of region sampling, as one would write it with scikit-learn: the peer of
`eyechart simulate --policy ac --metric first-hit --trials N`.

What does not change between trials is computed once with numpy (normalisation, polynomial features, cells
of every level). Each trial samples candidates and refits LinearRegression after each, as the authors' code
does; scikit-learn fits one model a call, so trials cannot be stacked. With --memo, the answer for a set of
candidates already met is remembered, which the authors' code does not do and eyechart does.

Prints one JSON line: the mean over the benchmarks after 1, 2, ... finetunes; seconds of the work alone, without
imports, by the clock and of processor time.
"""
import argparse
import csv
import json
import time

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

MAX_LEVEL = 30  # of the grid; no two candidates of the table are that close


def load(path):
    """Yields the benchmark, A, C and the results of every candidate."""
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    c = np.array([float(r["C"]) for r in rows])
    for column in rows[0]:
        if column.startswith("A "):
            name = column[2:]
            yield name, np.array([float(r[column]) for r in rows]), c, np.array([float(r[name]) for r in rows])


def normalise(x):
    return (x - x.min()) / (x.max() - x.min())


class Benchmark:
    def __init__(self, a, c, z, memo):
        a, c = normalise(a), normalise(c)
        self.n = len(z)
        self.z = normalise(z)
        self.optimum = int(np.argmax(z))
        self.features = PolynomialFeatures(2).fit_transform(np.column_stack([a, c]))
        self.cells = []  # by level: the members of every cell that has any
        for level in range(1, MAX_LEVEL):
            side = 2**level
            code = np.minimum(a * side, side - 1).astype(int) * side + np.minimum(c * side, side - 1).astype(int)
            _, cell = np.unique(code, return_inverse=True)
            self.cells.append([np.flatnonzero(cell == k).tolist() for k in range(cell.max() + 1)])
            if cell.max() + 1 == self.n:
                break
        self.known = {} if memo else None

    def order(self, rng):
        """Region sampling: yields the candidates in the order of their finetuning."""
        taken = set()
        for cells in self.cells:
            free = [members for members in cells if taken.isdisjoint(members)]
            for k in rng.permutation(len(free)):
                candidate = free[k][rng.integers(len(free[k]))]
                taken.add(candidate)
                yield candidate

    def is_hit(self, sample, top):
        """Is the optimum among the best predictions of the law fitted to the sample?"""
        if len(sample) == 1:
            return sample[0] == self.optimum
        key = None
        if self.known is not None:
            key = frozenset(sample)
            if key in self.known:
                return self.known[key]
        law = LinearRegression().fit(self.features[sample], self.z[sample])
        best = np.argsort(law.predict(self.features))[-top:]
        hit = self.optimum in best
        if key is not None:
            self.known[key] = hit
        return hit

    def first_hit(self, rng, top):
        sample = []
        for candidate in self.order(rng):
            sample.append(candidate)
            if self.is_hit(sample, top):
                return len(sample)
        return self.n + 1  # never


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="data/paper-2024.csv")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--top", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memo", action="store_true", help="remember the sets already fitted")
    options = parser.parse_args()

    work, work_cpu = time.perf_counter(), time.process_time()
    rng = np.random.default_rng(options.seed)
    values = []
    for _, a, c, z in load(options.table):
        benchmark = Benchmark(a, c, z, options.memo)
        hits = np.array([benchmark.first_hit(rng, options.top) for _ in range(options.trials)])
        values.append([(hits <= k).mean() for k in range(1, benchmark.n + 1)])
    mean = np.mean(values, axis=0).round(6).tolist()
    print(json.dumps({
        "mean": mean,
        "work_s": round(time.perf_counter() - work, 4),
        "work_cpu_s": round(time.process_time() - work_cpu, 4),
    }))


if __name__ == "__main__":
    main()
