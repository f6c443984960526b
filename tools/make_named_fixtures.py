"""Adds to tests/parity/: encoders as others than transformers 4 save them, and what their own code computes.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch transformers timm open_clip_torch safetensors
    /tmp/fixtures/bin/python tools/make_named_fixtures.py tests/parity

Made with transformers 5.24.0, timm 1.0.31 and open_clip 3.3.0. expected.safetensors as in make_encoder_fixtures.py:
"input" and "hidden.0" .. "hidden.L", taken by hooks from the blocks. facebookresearch/dinov2 is not on PyPI: its names and
its fused matrices are written from a model of transformers, which computes the same.
"""
import json
import os
import shutil
import sys

import open_clip
import timm
import torch
from safetensors.torch import save_file
from transformers import (Dinov2Config, Dinov2Model, LlavaConfig, LlavaForConditionalGeneration, SiglipVisionConfig,
                          SiglipVisionModel, ViTConfig, ViTModel)

out = sys.argv[1]
torch.manual_seed(20251201)


def randomise(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name and name.endswith("weight") or "ln_" in name and name.endswith("weight"):
                p.copy_(1 + 0.3 * torch.randn_like(p))
            elif "lambda" in name or "gamma" in name:
                p.copy_(0.5 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (0.25 if p.ndim < 2 else 1.2 / p[0].numel() ** 0.5))
    return model.eval()


def states(blocks, forward, size, n=2):
    """The input of the first block and the output of each, on inputs of size = (height, width)."""
    seen, hooks = [], [blocks[0].register_forward_pre_hook(lambda m, a: seen.append(a[0].detach().clone()))]
    for b in blocks:
        hooks.append(b.register_forward_hook(lambda m, a, y: seen.append((y[0] if isinstance(y, tuple) else y).detach().clone())))
    x = torch.randn(n, 3, *size)
    with torch.no_grad():
        forward(x)
    for h in hooks:
        h.remove()
    return {"input": x} | {f"hidden.{i}": h.contiguous() for i, h in enumerate(seen)}


def write(case, tensors, expected, config=None, name="config.json", weights="model.safetensors"):
    folder = os.path.join(out, case)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    if config is not None:
        with open(os.path.join(folder, name), "w") as f:
            json.dump(config, f, indent=2)
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    if weights.endswith(".safetensors"):
        save_file(tensors, os.path.join(folder, weights))
    else:
        torch.save(tensors, os.path.join(folder, weights))
    save_file(expected, os.path.join(folder, "expected.safetensors"))
    print(case, tuple(expected["hidden.0"].shape), sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)))


def prefixed(tensors, prefix):
    return {prefix + k: v for k, v in tensors.items()}


# transformers 5: an image that is not whole patches; names in memory; a tower inside of LLaVA.
siglip = SiglipVisionModel(SiglipVisionConfig(hidden_size=36, intermediate_size=44, num_hidden_layers=2, num_attention_heads=3,
                                              image_size=33, patch_size=10, vision_use_head=False))
m = randomise(siglip)
write("siglip-cut", m.state_dict(), states(m.encoder.layers, m, (33, 33)), m.config.to_dict())
dino = dict(hidden_size=36, num_hidden_layers=2, num_attention_heads=3, mlp_ratio=2, image_size=28, patch_size=7)
m = randomise(Dinov2Model(Dinov2Config(**dino, use_swiglu_ffn=True)))
write("dinov2-5-swiglu", prefixed(m.state_dict(), "module."), states(m.encoder.layer, m, (28, 28)), m.config.to_dict(),
      weights="pytorch_model.bin")
m = randomise(ViTModel(ViTConfig(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, image_size=24,
                                 patch_size=8)))
write("vit-5", m.state_dict(), states(m.layers, m, (24, 24)), m.config.to_dict())
vision = dict(model_type="clip_vision_model", hidden_size=24, intermediate_size=28, num_hidden_layers=2, num_attention_heads=3,
              image_size=21, patch_size=7)
text = dict(model_type="llama", hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=64)
m = randomise(LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=60)))
tower = m.model.vision_tower
write("llava-5", m.state_dict(), states(tower.encoder.layers, tower, (21, 21)), m.config.to_dict())

# facebookresearch/dinov2: no description at all.
m = randomise(Dinov2Model(Dinov2Config(hidden_size=64, num_hidden_layers=2, num_attention_heads=1, mlp_ratio=1, image_size=28,
                                       patch_size=7)))
s, fb = m.state_dict(), {}
for k, v in s.items():
    k = (k.replace("embeddings.patch_embeddings.projection", "patch_embed.proj").replace("embeddings.position_embeddings", "pos_embed")
         .replace("embeddings.", "").replace("encoder.layer.", "blocks.").replace("layernorm.", "norm.")
         .replace("attention.o_proj", "attn.proj").replace("layer_scale1.lambda1", "ls1.gamma").replace("layer_scale2.lambda1", "ls2.gamma"))
    if "attention." not in k:
        fb[k] = v
for i in range(2):
    for p in ("weight", "bias"):
        fb[f"blocks.{i}.attn.qkv.{p}"] = torch.cat([s[f"encoder.layer.{i}.attention.{q}_proj.{p}"] for q in "qkv"])
write("dinov2-upstream", fb, states(m.encoder.layer, m, (28, 28)), weights="pytorch_model.bin")

# open_clip, and the same with every matrix transposed beside a config.json of transformers.
vision = dict(image_size=21, layers=2, width=48, head_width=16, patch_size=7, mlp_ratio=1.5)
m = randomise(open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1)))
expected = states(m.visual.transformer.resblocks, m.visual, (21, 21))
config = {"model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": {"width": 16}},
          "preprocess_cfg": {"mean": [0.48, 0.45, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic", "resize_mode": "squash"}}
write("open-clip", m.state_dict(), expected, config, "open_clip_config.json", "open_clip_model.safetensors")
turned = {k: v.T if v.ndim == 2 and ("in_proj" in k or "c_fc" in k or "c_proj" in k or "out_proj" in k) else v
          for k, v in m.visual.state_dict().items()}
config = dict(model_type="clip_vision_model", hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=3,
              image_size=21, patch_size=7, hidden_act="gelu")
write("open-clip-transposed", prefixed(turned, "visual."), expected, config)


def timm_case(case, architecture, **args):
    m = randomise(timm.create_model(architecture, **args))
    size = args["img_size"]
    config = {"architecture": architecture, "model_args": args,
              "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.9, "crop_mode": "center", "interpolation": "bicubic",
                                 "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    write(case, m.state_dict(), states(m.blocks, m.forward_features, (size, size)), config)


small = dict(embed_dim=48, depth=2, num_heads=3, num_classes=0)
timm_case("timm-clip", "vit_base_patch32_clip_quickgelu_224", img_size=21, patch_size=7, mlp_ratio=1, **small)
timm_case("timm-registers", "vit_small_patch14_reg4_dinov2", img_size=28, patch_size=7, mlp_ratio=1, **small)
timm_case("timm-swiglu", "vit_giant_patch14_dinov2", img_size=28, patch_size=7, mlp_ratio=2, **small)
timm_case("timm-siglip", "vit_so400m_patch16_siglip_256", img_size=24, patch_size=8, mlp_ratio=1, **small)
timm_case("timm-vit", "vit_base_patch16_224", img_size=24, patch_size=8, mlp_ratio=1, **small)
