"""Writes tests/parity/: tiny random checkpoints of every encoder family and what transformers computes from them.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch transformers safetensors requests
    /tmp/fixtures/bin/pip install --target /tmp/transformers-4.38 --no-deps transformers==4.38.2 tokenizers==0.15.2 'huggingface_hub<0.30'
    PYTHONPATH=/tmp/transformers-4.38 /tmp/fixtures/bin/python tools/make_encoder_fixtures.py tests/parity
    /tmp/fixtures/bin/python tools/make_encoder_fixtures.py tests/parity

Each run writes the cases that belong to its version: 4.38.2, with which the paper's models were trained, and a newer one
for what 4.38 does not have. Dimensions are uneven on purpose. expected.safetensors holds "input" [n, 3, h, w] and
"hidden.0" .. "hidden.L" [n, t, d], computed in float32 from the weights as they are in the file.
"""
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file

OLD = transformers.__version__.startswith("4.38")
out = sys.argv[1]
torch.manual_seed(20240829)


def randomise(model):
    """Weights large enough that every branch matters: an error in any tensor shows."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                p.copy_(1 + 0.3 * torch.randn_like(p))
            elif "lambda" in name:
                p.copy_(0.5 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (0.25 if p.ndim < 2 else 1.2 / p[0].numel() ** 0.5))
    return model.eval()


def write(case, model, vision, size, dtype=torch.float32, n=2, save=None, forward=None):
    """Saves the checkpoint in `dtype` and the hidden states of `vision` on inputs of size = (height, width)."""
    folder = os.path.join(out, case)
    shutil.rmtree(folder, ignore_errors=True)
    model = randomise(model).to(dtype)
    model.save_pretrained(folder, **(save or {}))
    model = model.to(torch.float32)
    x = torch.randn(n, 3, *size)
    with torch.no_grad():
        hidden = vision(model)(x, output_hidden_states=True, **(forward or {})).hidden_states
    tensors = {"input": x} | {f"hidden.{i}": h.contiguous() for i, h in enumerate(hidden)}
    save_file(tensors, os.path.join(folder, "expected.safetensors"))
    print(case, tuple(hidden[-1].shape), sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)))


CLIP = dict(hidden_size=40, intermediate_size=52, num_hidden_layers=3, num_attention_heads=5, image_size=35, patch_size=7)
DINO = dict(hidden_size=36, num_hidden_layers=3, num_attention_heads=3, mlp_ratio=3, image_size=42, patch_size=7)
whole, tower = (lambda m: m), (lambda m: m.vision_model)

if OLD:
    from transformers import (CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model,
                              SiglipConfig, SiglipModel, SiglipVisionConfig, SiglipVisionModel, ViTConfig, ViTModel)

    write("clip-f32", CLIPVisionModel(CLIPVisionConfig(**CLIP)), whole, (35, 35))
    text = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, vocab_size=64,
                max_position_embeddings=8)
    write("clip-whole-gelu-f16", CLIPModel(CLIPConfig(text_config=text, vision_config=CLIP | dict(hidden_act="gelu"),
                                                      projection_dim=12)), tower, (35, 35), torch.float16)
    siglip = dict(hidden_size=36, intermediate_size=44, num_hidden_layers=2, num_attention_heads=3, image_size=30, patch_size=10)
    write("siglip-bf16-sharded", SiglipVisionModel(SiglipVisionConfig(**siglip)), whole, (30, 30), torch.bfloat16,
          save=dict(max_shard_size="20KB"))
    text = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, vocab_size=64,
                max_position_embeddings=8)
    write("siglip-whole-f32", SiglipModel(SiglipConfig(text_config=text, vision_config=siglip)), tower, (30, 30))
    write("dinov2-bin", Dinov2Model(Dinov2Config(**DINO)), whole, (35, 63), save=dict(safe_serialization=False))
    write("dinov2-swiglu-bin-sharded", Dinov2Model(Dinov2Config(**DINO, use_swiglu_ffn=True)), whole, (42, 42), torch.float16,
          save=dict(safe_serialization=False, max_shard_size="30KB"))
    write("vit-no-qkv-bias", ViTModel(ViTConfig(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
                                                image_size=24, patch_size=8, qkv_bias=False)), whole, (40, 24),
          forward=dict(interpolate_pos_encoding=True))
else:
    from transformers import (CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig,
                              Dinov2WithRegistersModel)

    write("clip-resized", CLIPVisionModel(CLIPVisionConfig(**CLIP)), whole, (49, 21), forward=dict(interpolate_pos_encoding=True))
    write("dinov2-plain", Dinov2Model(Dinov2Config(**DINO)), whole, (63, 35), n=1)
    write("dinov2-registers-up", Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**DINO, num_register_tokens=3)), whole,
          (56, 63), n=1)
    write("dinov2-registers-down", Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**DINO, num_register_tokens=3)), whole,
          (21, 28))
    # An epsilon that shows: with the usual ones, a wrong one is below the tolerance.
    write("clip-epsilon", CLIPVisionModel(CLIPVisionConfig(hidden_size=24, intermediate_size=28, num_hidden_layers=2,
                                                           num_attention_heads=3, image_size=21, patch_size=7,
                                                           layer_norm_eps=0.03)), whole, (21, 21))
