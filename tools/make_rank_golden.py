"""Writes tests/golden/mixture.csv and rank.csv, and of policy-curves.csv, policy-next.csv and sub-spaces.csv the
rows of ei, exploit and of prior with ranker average, on the results of data/paper-2024.csv.

    python3 tools/make_rank_golden.py [mixture|rank|policies ...]

Needs numpy and scipy. The model of src/law/settings.h from its formula: full covariances over the candidates and
dense solves, where the program adds results one by one or goes through features; the scale s is integrated on a
grid of its own. Chances in rank.csv are counted over 200 000 draws of the values of all candidates.
"""
import csv
import itertools
import pathlib
import sys

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden"
LENGTHS, NOISES, KAPPAS, TAU = (0.25, 0.5, 1.0), (0.1, 0.3, 1.0), (1.0, 2.0, 4.0), 0.5
SETTINGS = list(itertools.product(LENGTHS, NOISES, KAPPAS))


# ---- the model

NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(300)


class Scale:
    """x = sqrt(uu)/s, with the density x^(m-2) exp(-x^2/2 + rho x)."""

    def __init__(self, rho, m):
        mode = max((rho + np.sqrt(rho * rho + 4 * (m - 2))) / 2, 0.0)
        self.rho, self.a, self.low, self.high = rho, m - 2, max(mode - 10, 0.0), mode + 10
        x = self.low + (self.high - self.low) * (NODES + 1) / 2
        log_p = self.log_density(x)
        p = NODE_WEIGHTS * (self.high - self.low) / 2 * np.exp(log_p - log_p.max())
        self.log_integral, self.mean = log_p.max() + np.log(p.sum()), p @ x / p.sum()

    def log_density(self, x):
        return self.a * np.log(x) - x * x / 2 + self.rho * x

    def quantile(self, u):
        edges = np.linspace(self.low, self.high, 20001)
        log_p = self.log_density((edges[1:] + edges[:-1]) / 2)
        cumulated = np.concatenate([[0], np.cumsum(np.exp(log_p - log_p.max()))])
        return np.interp(u, cumulated / cumulated[-1], edges)


class Posterior:
    """Of one setting, given s: latent mean p + s q, covariance s^2 c [n, n]; s = root / x."""


class Mixture:
    def __init__(self, x, weight):
        """x [n, d] normalised scores, weight [d]."""
        weight = np.asarray(weight, float) * len(weight) / np.sum(weight)
        self.n, d = x.shape
        t = 2 / d * x @ weight
        self.t = t - t.mean()
        self.squared = 2 / d * ((x[:, None] - x[None]) ** 2).sum(2)
        linear = TAU * 2 / d * weight * (x - x.mean(0))
        self.linear = linear @ linear.T

    def fit(self, index, y, extra=0.0):
        """The posterior of every setting and its weight."""
        m, one, logs, self.settings = len(index), np.ones(len(index)), [], []
        for length, noise, kappa in SETTINGS:
            k = np.exp(-self.squared / (2 * length**2)) + self.linear
            inverse = np.linalg.inv(k[np.ix_(index, index)] + np.diag(noise + extra * one))
            _, log_det = np.linalg.slogdet(inverse)
            total = one @ inverse @ one
            centre = lambda v: v - (one @ inverse @ v) / total
            v = kappa * self.t[index]
            yc, vc = centre(y), centre(v)
            uu, uv, vv = yc @ inverse @ yc, yc @ inverse @ vc, vc @ inverse @ vc
            scale = Scale(uv / np.sqrt(uu), m)
            logs.append(log_det / 2 - np.log(total) / 2 - vv / 2 - (m - 1) / 2 * np.log(uu) + scale.log_integral)
            g = k[:, index] @ inverse
            missing = 1 - g @ one
            s = Posterior()
            s.noise, s.scale, s.root = noise, scale, np.sqrt(uu)
            s.p = (one @ inverse @ y) / total + g @ yc
            s.q = kappa * self.t - (one @ inverse @ v) / total - g @ vc
            s.c = k - g @ k[index] + np.outer(missing, missing) / total
            s.s = s.root / scale.mean
            self.settings.append(s)
        weight = np.exp(np.array(logs) - max(logs))
        self.weight = weight / weight.sum()
        self.typical_scale = sum(w * s.s for w, s in zip(self.weight, self.settings))
        return self

    def means(self):
        return np.array([s.p + s.s * s.q for s in self.settings])  # [settings, n]

    def predict(self):
        """Mean and standard deviation of a result."""
        means = self.means()
        deviation = np.array([s.s * np.sqrt(np.diag(s.c) + s.noise) for s in self.settings])
        mean = self.weight @ means
        return mean, np.sqrt(self.weight @ (deviation**2 + (means - mean) ** 2))

    def gain(self, index):
        gain = np.zeros(self.n)
        for w, s in zip(self.weight, self.settings):
            mean, sd = s.p + s.s * s.q, s.s * np.sqrt(np.diag(s.c) + s.noise)
            u = (mean - mean[index].max()) / sd
            gain += w * sd * (u * ndtr(u) + np.exp(-u * u / 2) / np.sqrt(2 * np.pi))
        gain[index] = 0
        return gain


# ---- the paper's results

def normalise(x):
    return (x - x.min()) / (x.max() - x.min())


def read_table():
    rows = list(csv.reader(open(ROOT / "data/paper-2024.csv")))
    columns = {name: np.array([float(r[i]) for r in rows[1:]]) for i, name in enumerate(rows[0]) if i > 0}
    return columns, [n[2:] for n in columns if n.startswith("A ")]


COLUMNS, BENCHMARKS = read_table()
N = len(COLUMNS["C"])


def points(benchmark, d=2):
    """[n, d]: A, C and, third, A for the next benchmark."""
    following = BENCHMARKS[(BENCHMARKS.index(benchmark) + 1) % len(BENCHMARKS)]
    scores = [COLUMNS["A " + benchmark], COLUMNS["C"], COLUMNS["A " + following]]
    return np.stack([normalise(s) for s in scores[:d]], 1)


def write(name, header, rows):
    with open(GOLDEN / name, "w") as f:
        f.write("\n".join([header] + rows) + "\n")


def numbers(x, digits):
    return ",".join(format(v, digits) for v in x)


def numbered(*names):
    return ",".join(f"{name} {i}" for name in names for i in range(N))


# ---- mixture.csv

def make_mixture():
    rng, rows = np.random.default_rng(2024), []
    weights = ["1 1", "3 1", "1 1 1", "0.5 2 1", "1 0.25"]
    for k, benchmark in enumerate(BENCHMARKS * 3):
        m = (2, 3, 4, 5, 7, 9, 12, 13)[(k + k // 8) % 8]
        index, text = list(rng.permutation(N)[:m]), weights[k % len(weights)]
        weight = [float(w) for w in text.split()]
        model = Mixture(points(benchmark, len(weight)), weight).fit(index, COLUMNS[benchmark][index])
        mean, sd = model.predict()
        values = [numbers(v, ".17g") for v in (mean, sd, model.gain(index))]
        rows.append(",".join([benchmark, text, " ".join(map(str, index))] + values))
    write("mixture.csv", "benchmark,weights,trained," + numbered("mean", "sd", "gain"), rows)


# ---- rank.csv

def draw_values(model, index, y, e, n_draws, rng):
    """[n_draws, n] what the candidates are worth; y and e [m] results and their noise."""
    values = []
    for w, s, n in zip(model.weight, model.settings, rng.multinomial(n_draws, model.weight)):
        scale = s.root / s.scale.quantile(rng.random(n))[:, None]
        root = np.linalg.cholesky(s.c + 1e-11 * np.eye(model.n))
        latent = s.p + scale * (s.q + rng.standard_normal((n, model.n)) @ root.T)
        own = scale**2 * s.noise
        value = latent + np.sqrt(own) * rng.standard_normal((n, model.n))
        share = own / (own + e**2)
        value[:, index] = latent[:, index] + share * (y - latent[:, index])
        value[:, index] += np.sqrt(share) * e * rng.standard_normal((n, len(index)))
        values.append(value)
    return np.concatenate(values)


def interval(model, i, next_noise, level=0.9):
    """Of a result at candidate i."""
    u = (np.arange(2000) + 0.5) / 2000
    parts = []
    for w, s in zip(model.weight, model.settings):
        scale = s.root / s.scale.quantile(u)
        parts.append((w, s.p[i] + scale * s.q[i], np.sqrt(scale**2 * (s.c[i, i] + s.noise) + next_noise**2)))
    below = lambda z: sum(w * ndtr((z - mean) / sd).mean() for w, mean, sd in parts)
    middle, width = model.predict()[0][i], 1e6
    return [brentq(lambda z: below(z) - p, middle - width, middle + width) for p in ((1 - level) / 2, (1 + level) / 2)]


def chances(values):
    order = np.argsort(-values, 1)
    best = np.bincount(order[:, 0], minlength=N) / len(values)
    return best, np.bincount(order[:, :3].ravel(), minlength=N) / len(values)


def make_rank():
    rng, rows = np.random.default_rng(1), []
    for k, benchmark in enumerate(BENCHMARKS + BENCHMARKS[:4]):
        m = (2, 3, 5, 8, 10, 11, 12, 13, 4, 6, 12, 13)[k]
        index = sorted(rng.permutation(N)[:m])
        y = COLUMNS[benchmark][index]
        spread = np.ptp(COLUMNS[benchmark])
        # Standard errors of results in the table, and of any other result of that benchmark; 0: unknown.
        noise = 0.0 if k < 5 else round(0.02 * spread, 3)
        z_se = np.zeros(m) if k < 8 else np.round(0.05 * spread * (np.arange(m) % 3), 3)
        model = Mixture(points(benchmark), [1, 1]).fit(index, y)
        if z_se.any():
            model.fit(index, y, (z_se / model.typical_scale) ** 2)
        values = draw_values(model, index, y, np.where(z_se > 0, z_se, noise), 200000, rng)
        ends = np.array([interval(model, i, noise) for i in range(N)])
        best, top3 = chances(values)
        rows.append(",".join([benchmark, " ".join(map(str, index)), format(noise, "g"),
                              " ".join(format(e, "g") for e in z_se), numbers(model.predict()[0], ".12g"),
                              numbers(ends[:, 0], ".6g"), numbers(ends[:, 1], ".6g"), numbers(best, ".4f"),
                              numbers(top3, ".4f")]))
    write("rank.csv", "benchmark,trained,noise,z_se," + numbered("predicted", "low", "high", "p_best", "p_top3"), rows)


# ---- the policies

class Game:
    """One benchmark, the candidates `kept`, played by a policy; `ranker average` in all of them."""

    def __init__(self, benchmark, kept):
        x = COLUMNS["A " + benchmark][kept], COLUMNS["C"][kept]
        self.x = np.stack([normalise(v) for v in x], 1)
        self.z, self.n = COLUMNS[benchmark][kept], len(kept)
        self.model, self.known = Mixture(self.x, [1, 1]), {}

    def state(self, mask):
        """Predictions and gains when those in mask are finetuned; no gains before two results differ."""
        if mask not in self.known:
            index = [i for i in range(self.n) if mask >> i & 1]
            if len(index) < 2 or np.ptp(self.z[index]) == 0:
                t = self.model.t
                self.known[mask] = (t + self.z[index[0]] - t[index].mean() if index else t), None
            else:
                self.model.fit(index, self.z[index])
                self.known[mask] = self.model.predict()[0], self.model.gain(index)
        return self.known[mask]

    def next(self, policy, mask):
        """[n] chances of being next."""
        mean, gain = self.state(mask)
        score = self.x.sum(1) if policy == "prior" or gain is None else gain if policy == "ei" else mean
        free = np.array([not mask >> i & 1 for i in range(self.n)])
        best = free & (score >= score[free].max() - 1e-9 * np.ptp(score))
        return best / best.sum()

    def places(self, v, among, top, mean):
        """Chance that the optimum is among the first `top` of those in `among` by v; ties at random."""
        best = int(np.argmax(self.z))
        tolerance = 1e-9 * (np.ptp(mean) if np.ptp(mean) > 1e-9 * abs(mean).max() else abs(mean).max())
        others = [i for i in among if i != best]
        above = sum(v[i] > v[best] + tolerance for i in others)
        equal = sum(abs(v[i] - v[best]) <= tolerance for i in others)
        return min(1.0, max(0.0, (top - above) / (equal + 1)))

    def metric(self, name, mask):
        mean, _ = self.state(mask)
        index = [i for i in range(self.n) if mask >> i & 1]
        seen = int(np.argmax(self.z)) in index
        if name == "f":
            return float(seen)
        if name == "regret":
            best = max(self.z[index], default=self.z.min())
            return (self.z.max() - best) / np.ptp(self.z)
        top = int(name[1])
        if name[0] == "b":
            return 1.0 if seen else self.places(mean, [i for i in range(self.n) if i not in index], top, mean)
        if name[0] == "h":
            return self.places(mean, range(self.n), top, mean)
        mixed = mean.copy()
        mixed[index] = self.z[index]
        return self.places(mixed, range(self.n), top, mean)

    def curves(self, policy, metrics, runs):
        """By metric, [runs + 1]: value after k finetunes; h: of having hit by then."""
        result = {name: np.zeros(runs + 1) for name in metrics}
        open_states = {name: {0: 1.0} for name in metrics if name[0] == "h"}
        states = {0: 1.0}
        for k in range(runs + 1):
            if k > 0:
                states = self.step(policy, states)
            for name in metrics:
                if name[0] != "h":
                    result[name][k] = sum(p * self.metric(name, mask) for mask, p in states.items())
                elif k > 0:
                    reached = self.step(policy, open_states[name])
                    hit = {mask: p for mask, p in reached.items() if self.metric(name, mask) == 1.0}
                    result[name][k] = result[name][k - 1] + sum(hit.values())
                    open_states[name] = {mask: p for mask, p in reached.items() if mask not in hit}
        return result

    def step(self, policy, states):
        reached = {}
        for mask, p in states.items():
            for i, q in enumerate(self.next(policy, mask)):
                if q > 0:
                    reached[mask | 1 << i] = reached.get(mask | 1 << i, 0) + p * q
        return reached


def replace(name, label, rows):
    """Puts the rows of one label, the first column of the file, where they were, or at the end."""
    old = (GOLDEN / name).read_text().splitlines()
    at = [k for k, row in enumerate(old) if row.startswith(label + ",")]
    first = at[0] if at else len(old)
    kept = [row for k, row in enumerate(old) if k not in at]
    write(name, kept[0], kept[1:first] + rows + kept[first:])


def make_curves():
    metrics = [row.split(",")[1] for row in open(GOLDEN / "policy-curves.csv") if row.startswith("ei,")]
    games = [Game(benchmark, np.arange(N)) for benchmark in BENCHMARKS]
    for label, policy in (("ei", "ei"), ("exploit", "exploit"), ("prior average", "prior")):
        curves = [game.curves(policy, metrics, N) for game in games]
        mean = {name: np.mean([c[name] for c in curves], 0) for name in metrics}
        replace("policy-curves.csv", label,
                [f"{label},{name}," + ",".join(str(round(v, 5)) for v in mean[name]) for name in metrics])


def make_next():
    rows = [row.rstrip().split(",") for row in open(GOLDEN / "policy-next.csv")]
    for policy in ("ei", "exploit"):
        new = []
        for _, benchmark, mask in [row[:3] for row in rows if row[0] == policy]:
            chance = Game(benchmark, np.arange(N)).next(policy, int(mask))
            new.append(f"{policy},{benchmark},{mask}," + numbers(chance, ".9g"))
        replace("policy-next.csv", policy, new)


def make_sub_spaces():
    rows = [row.rstrip().split(",") for row in open(GOLDEN / "sub-spaces.csv")]
    for row in rows:
        if row[0] not in ("ei", "exploit"):
            continue
        drop, runs, values = int(row[1]), int(row[2]), []
        for benchmark in BENCHMARKS:
            for kept in itertools.combinations(range(N), N - drop):
                game = Game(benchmark, np.array(kept))
                curve = game.curves(row[0], ["r3", "f", "b3", "h3"], runs)
                values.append([curve["r3"][4], curve["f"][runs], curve["b3"][runs - 3], curve["h3"][4]])
        row[3:] = [f"{v:.8f}" for v in np.mean(values, 0)]
    write("sub-spaces.csv", ",".join(rows[0]), [",".join(row) for row in rows[1:]])


def make_policies():
    make_curves()
    make_next()
    make_sub_spaces()


if __name__ == "__main__":
    makers = {"mixture": make_mixture, "rank": make_rank, "policies": make_policies}
    for chosen in sys.argv[1:] or makers:
        makers[chosen]()
