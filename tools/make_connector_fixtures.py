"""Writes tests/connectors/: connectors that are not mlpNx_gelu with biases, and what PyTorch computes from them.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch transformers safetensors
    /tmp/fixtures/bin/python tools/make_connector_fixtures.py tests/connectors

Those of transformers are its own classes (5.24); LLaVA's are nn.Sequential, as its builder.py makes them.
expected.safetensors holds NAME.in [5, c] and NAME.out [5, 24].
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import LlavaConfig, VipLlavaConfig
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector
from transformers.models.vipllava.modeling_vipllava import VipLlavaMultiModalProjector

out = sys.argv[1]
shutil.rmtree(out, ignore_errors=True)
torch.manual_seed(20251130)
expected = {}


def write(name, module, prefix, config, c):
    for p in module.parameters():
        p.data = torch.randn_like(p) * (0.4 if p.ndim > 1 else 0.3) + (p.ndim == 1) * 0.5
    folder = os.path.join(out, name)
    os.makedirs(folder)
    save_file({prefix + k: v.detach() for k, v in module.state_dict().items()}, os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
    x = torch.randn(5, c)
    with torch.no_grad():
        expected[name + ".in"], expected[name + ".out"] = x, module(x[None])[0].contiguous()


def llava(name, module, kind):
    write(name, module, "model.mm_projector.", {"model_type": "llava_llama", "mm_projector_type": kind}, 16)


def transformers(name, **extra):
    vision = dict(hidden_size=16, num_attention_heads=4)
    text = dict(model_type="llama", hidden_size=24, num_attention_heads=4)
    config = LlavaConfig(vision_config=dict(model_type="clip_vision_model", **vision), text_config=text, **extra)
    write(name, LlavaMultiModalProjector(config), "model.multi_modal_projector.", dict(model_type="llava", **extra), 16)


llava("silu", nn.Sequential(nn.Linear(16, 24), nn.SiLU(), nn.Linear(24, 24)), "mlp2x_silu")
llava("relu-3", nn.Sequential(nn.Linear(16, 20), nn.ReLU(), nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 24)), "mlp3x_relu")
llava("linear-no-bias", nn.Linear(16, 24, bias=False), "linear")
llava("norms", nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 20), nn.GELU(), nn.LayerNorm(20), nn.Linear(20, 24), nn.LayerNorm(24)),
      "mlp2x_gelu")
transformers("tanh-no-bias", projector_hidden_act="gelu_pytorch_tanh", multimodal_projector_bias=False)
vip = VipLlavaConfig(vision_config=dict(model_type="clip_vision_model", hidden_size=16, num_attention_heads=4),
                     text_config=dict(model_type="llama", hidden_size=24, num_attention_heads=4),
                     vision_feature_layers=[-2], vision_feature_layer=[-2], projector_layernorm_eps=0.05)
write("vip", VipLlavaMultiModalProjector(vip), "multi_modal_projector.",
      dict(model_type="vipllava", vision_feature_layer=[-2], projector_layernorm_eps=0.05, projector_hidden_act="gelu"), 16)
save_file(expected, os.path.join(out, "expected.safetensors"))
print({k: tuple(v.shape) for k, v in expected.items()})
