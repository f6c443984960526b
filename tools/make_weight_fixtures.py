#!/usr/bin/env python3
"""Writes tests/weights: small files as PyTorch saves them, one for each way of saving.

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python tools/make_weight_fixtures.py

Element i of every tensor that is read is i (of "part" and "turned" in row-major order), so that the
test needs no table of values.
"""

import argparse
import warnings
from collections import OrderedDict
from pathlib import Path

import torch

OUT = Path(__file__).resolve().parent.parent / "tests/weights"


def count(*shape, dtype=torch.float32):
    n = 1
    for side in shape:
        n *= side
    return torch.arange(n).reshape(shape).to(dtype)


def state():
    """What is read, and beside it what is not."""
    whole = torch.full((6, 5), -1.0)
    whole[2:5, 1:3] = count(3, 2)
    tensors = OrderedDict(
        f32=count(3, 4),
        f16=count(5, dtype=torch.float16),
        bf16=count(5, dtype=torch.bfloat16),
        f64=count(3, 4, dtype=torch.float64),
        turned=count(4, 3).t().contiguous().t(),  # strides 1, 4
        turned_f64=count(4, 3, dtype=torch.float64).t().contiguous().t(),
        conv=count(2, 3, 4, 5).to(memory_format=torch.channels_last),
        part=whole[2:5, 1:3],
        part_of_it=whole,
        scalar=count(1).reshape(()),
        parameter=torch.nn.Parameter(count(2, 3)),
        tied=count(4),
        none=None,
        number=3,
        text="text",
        i64=count(4, dtype=torch.int64),
        flag=count(2, dtype=torch.bool),
        complex=count(3, dtype=torch.complex64),
        expanded=torch.zeros(1).expand(1 << 20, 1 << 20),
        sparse=torch.eye(3).to_sparse(),
        nothing=torch.zeros(0, 4),
    )
    tensors["tied_too"] = tensors["tied"]
    return tensors


def newer(tensors):
    """Dtypes that the format before 1.6 does not have."""
    tensors["e4m3"] = count(9).to(torch.float8_e4m3fn)
    tensors["e5m2"] = count(9).to(torch.float8_e5m2)
    tensors["u16"] = count(4).to(torch.uint16)
    return tensors


class Tower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2, bias=False))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(count(*parameter.shape))

    def forward(self, x):
        return self.visual(x)


class Norm(torch.nn.Module):
    """A module without parts from PyTorch, whose source the older format would write along."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(count(4))
        self.register_buffer("steps", count(3, dtype=torch.float64))


class Norms(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Norm()


def trained(module):
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def main():
    warnings.simplefilter("ignore")
    OUT.mkdir(exist_ok=True)
    tower = Tower()
    beside = {
        "epoch": 3,
        "loss": [0.5] * 100,
        "args": argparse.Namespace(lr=1e-3, output=Path("out")),
        "optimizer": trained(Tower()),
        "rng": torch.get_rng_state()[:16].clone(),
        "done": torch.Size([1, 2]),
    }
    old = {"_use_new_zipfile_serialization": False}
    torch.save(newer(state()), OUT / "state.pt")
    torch.save({**beside, "state_dict": newer(state())}, OUT / "checkpoint.pt")
    torch.save(newer(state()), OUT / "protocol-4.pt", pickle_protocol=4)
    torch.save({**beside, "model": state()}, OUT / "legacy.pt", **old)
    torch.save(state(), OUT / "legacy-protocol-4.pt", pickle_protocol=4, **old)
    torch.save(tower.visual, OUT / "module.pt")
    torch.save({"model": Norms(), "epoch": 1}, OUT / "module-legacy.pt", **old)
    torch.save(
        {
            "student": {"backbone.f32": torch.zeros(3, 4)},
            "teacher": {"backbone.f32": count(3, 4)},
        },
        OUT / "teacher.pt",
    )
    torch.save({"first": {"f32": count(3, 4)}, "second": {"f32": count(5)}}, OUT / "two.pt")
    torch.save(beside["args"], OUT / "arguments.pt")
    quantised = torch.quantize_per_tensor(count(3), 1.0, 0, torch.qint8)
    torch.save({"f32": count(3, 4), "quantised": quantised}, OUT / "quantised.pt")
    torch.jit.script(tower).save(OUT / "script.pt")


if __name__ == "__main__":
    main()
