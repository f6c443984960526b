"""The peers of perf/align, in PyTorch: align_peer.py THREADS ROUNDS

max_cosine is a matrix product of normalised rows and a maximum, as one would write it; max_cosine_authors is the
expression of the authors' A_score/compute.py, which forms every product of every pair of tokens, measured on 16 of the 576
rows at a time (36 times that is one pair of images), in bfloat16 as they had it. One JSON object a line.
"""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

threads, rounds = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(1)
t, r = F.normalize(torch.randn(576, 4096), dim=1), F.normalize(torch.randn(576, 4096), dim=1)
raw = torch.randn(576, 4096)
few = F.normalize(torch.randn(256, 4096), dim=1)
mlp = torch.nn.Sequential(torch.nn.Linear(1024, 4096), torch.nn.GELU(), torch.nn.Linear(4096, 4096))
features = torch.randn(576, 1024)
tb, rb = t.bfloat16()[:16].unsqueeze(1), r.bfloat16().unsqueeze(0)


def candidate():
    x = F.normalize(raw, dim=1)
    return (x @ few.T).max(dim=1).values.mean(), (x @ r.T).max(dim=1).values.mean()


ops = {"max_cosine": (lambda: (t @ r.T).max(dim=1).values.mean(), 1), "candidate": (candidate, 1),
       "connector": (lambda: mlp(features), 1),
       "max_cosine_authors": (lambda: F.cosine_similarity(tb, rb, dim=-1).max(dim=1).values, 36)}
with torch.inference_mode():
    for name, (run, times) in ops.items():
        run()
        seconds = []
        for _ in range(3 if times > 1 else rounds):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"engine": "torch " + torch.__version__, "op": name, "threads": threads,
                          "ms": round(1e3 * times * statistics.median(seconds), 2)}), flush=True)
