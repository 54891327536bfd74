"""bfloat16 on a CPU, and the steps that float16 leaves out."""

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from fdkd.engine.amp import CPUAmpOptimWrapper, scales_gradients
from fdkd.errors import NonFiniteLossError
from tests.support.small_training import Training
from tests.support.waits import Waits


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


class Scaled(AmpOptimWrapper):
    """MMEngine's wrapper for float16, on a CPU and in float32."""

    def __init__(self, optimizer, **options):
        OptimWrapper.__init__(self, optimizer, **options)
        self.loss_scaler, self._scale_update_param = torch.amp.GradScaler('cpu'), None
        self.cast_dtype = None

    def optim_context(self, model):
        return OptimWrapper.optim_context(self, model)


def skipped(training):
    return training.runner.message_hub.get_scalar('train/skipped_steps')


def test_a_scaler_that_is_switched_off_scales_nothing():
    wrapper = Scaled(torch.optim.SGD([torch.zeros(1)], lr=1.0))
    assert scales_gradients(wrapper)
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', enabled=False)
    assert not scales_gradients(wrapper)
    assert not scales_gradients(OptimWrapper(torch.optim.SGD([torch.zeros(1)], lr=1.0)))


@pytest.mark.parametrize('gpu', [False, True])
def test_a_step_that_the_scaler_leaves_out_is_counted_and_not_fatal(tmp_path, request, gpu):
    if gpu:
        request.getfixturevalue('on_gpu')
    training = Training(tmp_path, wrapper=Scaled)
    assert training.wrapper.loss_scaler.get_scale() == 65536
    for value in (1.0, 0.0, 1.0, 0.0):
        training.step(value)
    assert skipped(training).data[0].tolist() == [0, 1, 1, 2]
    assert training.wrapper.loss_scaler.get_scale() == 65536 / 4
    assert training.model.layer.weight.isfinite().all()
    training.call('after_train')
    training.step(0.0)
    assert skipped(training).current() == 2


def test_counting_does_not_wait(on_gpu, tmp_path):
    training = Training(tmp_path, wrapper=Scaled)
    scaler = training.wrapper.loss_scaler
    scaler.scale(training.model.layer.weight.sum()).backward()
    scaler.step(training.wrapper.optimizer)
    training.hooks[-1]._skipped._update = lambda: None
    with Waits() as waits:
        scaler.update()
    assert waits.names == []
    assert skipped(training).current() == 0


def test_a_loss_that_is_not_finite_stops_with_a_scaler_too(tmp_path):
    with pytest.raises(NonFiniteLossError, match='the loss is not finite'):
        Training(tmp_path, wrapper=Scaled).step(-1.0)


def test_counting_goes_on_in_a_resumed_run(tmp_path):
    first = Training(tmp_path, wrapper=Scaled)
    first.step(0.0)
    again = Training(tmp_path, wrapper=Scaled, counted=skipped(first))
    again.step(0.0)
    assert skipped(again).current() == 2


def test_many_left_out_in_a_row_stop_and_one_taken_between_them_does_not(tmp_path):
    training = Training(tmp_path, wrapper=Scaled, length=1000)
    for value in [0.0] * 49 + [1.0] + [0.0] * 49:
        training.step(value)
    with pytest.raises(NonFiniteLossError, match=r'last 50 steps were left out.* scale of 1.03e-25 .*bf16'):
        training.step(0.0)
    short = Training(tmp_path, wrapper=Scaled)
    for _ in range(49):
        short.step(0.0)
    with pytest.raises(NonFiniteLossError, match='last 50 steps'):
        short.step(0.0)


def test_without_a_scaler_nothing_is_counted(tmp_path):
    training = Training(tmp_path)
    training.step(1.0)
    assert 'train/skipped_steps' not in training.runner.message_hub.log_scalars
