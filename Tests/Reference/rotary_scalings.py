"""Prints the angles that RotaryTests.swift expects: those of transformers, and of GTE's own code for `ntk`.

Needs torch and transformers (5.24 printed the numbers that stand there).
"""

import math

import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

DIM, BASE = 8, 10000.0


def angles(name, positions, length=None, **scaling):
    """Radians a place by transformers' function `name`, and its factor on queries and keys."""
    config = LlamaConfig(
        hidden_size=2 * DIM,
        num_attention_heads=2,
        head_dim=DIM,
        max_position_embeddings=positions,
        rope_theta=BASE,
        rope_scaling={"rope_type": name, **scaling},
    )
    values, factor = ROPE_INIT_FUNCTIONS[name](config, torch.device("cpu"), seq_len=length)
    return [float(value) for value in values], factor


def ntk(factor, exponent=None):
    """The NTK scaling of https://kexue.fm/archives/9706, fixed or mixed."""
    if exponent is None:
        return [(BASE * factor) ** (-2 * i / DIM) / factor ** (2 / DIM) for i in range(DIM // 2)]
    rate = math.log(factor) / (DIM / 2) ** exponent
    return [BASE ** (-2 * i / DIM) / math.exp(rate * (i + 1) ** exponent) for i in range(DIM // 2)]


if __name__ == "__main__":
    yarn = {"factor": 4.0, "original_max_position_embeddings": 2048}
    print("linear", angles("linear", 64, factor=4.0))
    print("dynamic 100", angles("dynamic", 64, 100, factor=2.0))
    print("dynamic 60", angles("dynamic", 64, 60, factor=2.0))
    print("yarn", angles("yarn", 8192, **yarn))
    print("yarn", angles("yarn", 8192, **yarn, truncate=False, beta_fast=20.0, beta_slow=2.0))
    llama3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    print("llama3", angles("llama3", 1000, **llama3, original_max_position_embeddings=200))
    print("ntk", ntk(2.0), "mixed", ntk(2.0, 0.625))
