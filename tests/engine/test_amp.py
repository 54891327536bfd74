"""bfloat16 on a CPU."""

import torch
from mmengine.optim import OptimWrapper
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


def test_accumulated_and_clipped_steps_are_those_of_a_large_batch_within_bfloat16():
    weights = {}
    for wrapper, count in ((OptimWrapper, 1), (CPUAmpOptimWrapper, 1), (CPUAmpOptimWrapper, 4)):
        torch.manual_seed(0)
        layer, x = nn.Linear(8, 8), torch.randn(8, 8)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
        optim = wrapper(optimizer, accumulative_counts=count, clip_grad={'max_norm': 0.5})
        before = layer.weight.detach().clone()
        for part in x.chunk(count):
            with optim.optim_context(layer):
                output = layer(part)
            optim.update_params(output.float().square().mean())
        step = (layer.weight.detach() - before) / 0.5
        gradients = torch.cat([step.flatten(), layer.bias.detach() * 0])
        assert gradients.norm() <= 0.5 + 1e-3
        weights[wrapper, count] = step
    exact, half, accumulated = weights.values()
    torch.testing.assert_close(half, exact, rtol=0, atol=5e-3)
    torch.testing.assert_close(accumulated, half, rtol=0, atol=5e-3)
    assert not torch.equal(half, exact)
