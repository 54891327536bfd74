"""bfloat16 on a CPU."""

import torch
from torch import nn

from fdkd.engine.amp import CPUAmpOptimWrapper


def test_the_forward_pass_is_bfloat16_and_the_weights_stay_float32():
    layer = nn.Linear(4, 4)
    wrapper = CPUAmpOptimWrapper(torch.optim.SGD(layer.parameters(), lr=0.1))
    with wrapper.optim_context(layer):
        output = layer(torch.ones(2, 4))
    assert output.dtype == torch.bfloat16
    wrapper.update_params(output.float().sum())
    assert layer.weight.dtype == torch.float32
    assert layer(torch.ones(2, 4)).dtype == torch.float32
