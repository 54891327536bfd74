"""FreeKD by hand, against NumPy on Haar matrices, its masks, prompts and weights, its precision, and refused shapes."""

import numpy as np
import pytest
import torch
from torch import nn

from fdkd.distill.losses.freekd import FreeKDLoss, freekd_loss, relation
from fdkd.distill.wavelets import inverse_haar
from fdkd.registry import DISTILL_LOSSES
from tests.support.haar import back_by_numpy, bands_by_numpy

SHAPES = [(2, 3, 8, 8), (2, 3, 5, 2), (1, 3, 2, 2), (2, 3, 7, 9), (2, 3, 1, 4), (2, 3, 1, 1)]


def pair(*shape):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def drawn_prompts(levels=3, tokens=2, channels=3, scale=1.0):
    generator = torch.Generator().manual_seed(1)
    return scale * torch.randn(1 + levels, tokens, channels, generator=generator, dtype=torch.float64)


def built(channels=3, **settings):
    torch.manual_seed(2)
    return DISTILL_LOSSES.build(dict(type='FreeKDLoss', teacher_channels=channels, **settings))


def masks_by_numpy(x, prompts):
    approximation, details = bands_by_numpy(x, len(prompts) - 1)
    maps = [approximation, *(level.sum(0) for level in details)]
    return [np.exp(-np.logaddexp(0, -np.einsum('tc,nchw->nthw', p, r))) for p, r in zip(prompts, maps, strict=False)]


def relation_by_numpy(x):
    x = x.reshape(*x.shape[:2], -1)
    logits = np.einsum('nip,njp->nij', x, x) / x.shape[2]
    attention = np.exp(logits - logits.max(2, keepdims=True))
    attention /= attention.sum(2, keepdims=True)
    return attention.sum(1)


def loss_by_numpy(student, teacher, prompts, low, relational):
    masks = [mask.mean(1)[:, None] for mask in masks_by_numpy(teacher, prompts)]
    weight = relation_by_numpy(student) * relation_by_numpy(teacher) if relational else np.ones(student.shape[:2])
    weight = weight[:, :, None, None]
    (a, details_a), (b, details_b) = (bands_by_numpy(x, len(prompts) - 1) for x in (student, teacher))
    total = low * np.mean(weight * abs(masks[0] * a - masks[0] * b))
    for level_a, level_b, mask in zip(details_a, details_b, masks[1:], strict=True):
        total += np.mean(weight * abs(mask * level_a - mask * level_b))
    return total


def test_by_hand():
    """Prompts of 0 halve every band; a difference of 4, 2, 0, 2 has the bands 4 and 0, 2, 2."""
    student, teacher = torch.tensor([[[[4.0, 2.0], [0.0, 2.0]]]]), torch.zeros(1, 1, 2, 2)
    loss = freekd_loss(student, teacher, torch.zeros(4, 2, 1), relational=False)
    assert loss.item() == pytest.approx(0.5 * 4 + 0.5 * (0 + 2 + 2) / 3)
    details_alone = freekd_loss(student, teacher, torch.zeros(4, 2, 1), low=0, relational=False)
    assert details_alone.item() == pytest.approx(0.5 * (0 + 2 + 2) / 3)


def test_masks_by_hand():
    """A prompt of ln 3 on a band of 1 gives 3/4, on a level of 1 + 2 + 0 gives 27/28."""
    teacher = inverse_haar(
        torch.ones(1, 1, 1, 1), [tuple(torch.full((1, 1, 1, 1), x) for x in (1.0, 2.0, 0.0))], (2, 2)
    )
    student = inverse_haar(
        torch.zeros(1, 1, 1, 1), [tuple(torch.full((1, 1, 1, 1), x) for x in (4.0, 2.0, 0.0))], (2, 2)
    )
    prompts = torch.full((2, 1, 1), np.log(3))
    loss = freekd_loss(student, teacher, prompts, relational=False)
    assert loss.item() == pytest.approx(3 / 4 * 1 + 27 / 28 * 3 / 3, rel=1e-6)


@pytest.mark.parametrize('fill', ['random', 'constant', 'zero', 'huge'])
@pytest.mark.parametrize(('levels', 'low', 'relational'), [(3, 1.0, True), (1, 0.5, True), (2, 1.0, False)])
@pytest.mark.parametrize('shape', SHAPES)
def test_equals_numpy_and_the_module_equals_the_function(shape, levels, low, relational, fill):
    student, teacher = pair(*shape)
    if fill in ('constant', 'zero'):
        student, teacher = torch.full(shape, 2.5 * (fill == 'constant')).double(), torch.full(shape, -1.5).double()
    if fill == 'huge':
        student, teacher = 1e4 * student, 1e4 * teacher
    prompts = drawn_prompts(levels, scale=0.01 if fill == 'huge' else 1.0)
    found = freekd_loss(student, teacher, prompts, low=low, relational=relational)
    expected = loss_by_numpy(student.numpy(), teacher.numpy(), prompts.numpy(), low, relational)
    assert found.item() == pytest.approx(expected, rel=1e-10)
    loss = built(levels=levels, low=low, relational=relational)
    loss.prompts = prompts
    assert loss(student, teacher, torch.zeros(len(student))).equal(found)


class TestPrompts:
    def test_prompts_are_a_buffer_and_no_parameter(self):
        loss = built(5, num_tokens=6, levels=2)
        assert not list(loss.parameters())
        assert loss.state_dict()['prompts'].shape == (3, 6, 5)
        assert 0.005 < loss.prompts.std() < 0.02

    @pytest.mark.parametrize('shape', SHAPES)
    def test_two_prompts_of_0_leave_the_map_and_six_triple_it(self, shape):
        x, _ = pair(*shape)
        for tokens, factor in ((2, 1), (6, 3)):
            loss = built(num_tokens=tokens)
            loss.prompts.zero_()
            torch.testing.assert_close(loss.prompted(x), factor * x)

    @pytest.mark.parametrize('shape', SHAPES)
    def test_the_prompted_map_is_numpys(self, shape):
        x, _ = pair(*shape)
        loss = built()
        loss.prompts = drawn_prompts()
        approximation, details = bands_by_numpy(x.numpy(), 3)
        masks = [mask.sum(1)[:, None] for mask in masks_by_numpy(x.numpy(), loss.prompts.numpy())]
        details = [level * mask for level, mask in zip(details, masks[1:], strict=True)]
        sizes = [[-(-side // 2**level) for side in shape[2:]] for level in range(len(details))]
        np.testing.assert_allclose(
            loss.prompted(x), back_by_numpy(approximation * masks[0], details, sizes), atol=1e-13
        )

    @pytest.mark.parametrize('shape', SHAPES)
    def test_the_dissimilarity_is_the_mean_jaccard_coefficient(self, shape):
        x, _ = pair(*shape)
        loss = built(lambda_dis=0.5)
        loss.prompts = drawn_prompts()
        expected = 0.0
        for mask in masks_by_numpy(x.numpy(), loss.prompts.numpy()):
            for sample in mask.reshape(*mask.shape[:2], -1):
                both = [[m @ n / (m @ m + n @ n - m @ n) for m in sample] for n in sample]
                expected += np.mean(both) / len(mask)
        assert loss.dissimilarity(x).item() == pytest.approx(0.5 * expected)

    def test_disjoint_masks_cost_the_diagonal_alone(self):
        x = torch.tensor([[[[1.0, -1.0]]]])
        loss = built(1)
        loss.prompts = torch.tensor([[[1e3], [-1e3]]]).expand(4, 2, 1)
        assert loss.dissimilarity(x).item() == pytest.approx(0.5)
        loss.prompts = torch.tensor([[[1e3], [1e3]]]).expand(4, 2, 1)
        assert loss.dissimilarity(x).item() == pytest.approx(1)

    def test_gradients_reach_the_prompts(self):
        x, _ = pair(2, 3, 5, 3)
        loss = built()

        def stage(prompts):
            loss.prompts = prompts
            return loss.prompted(x), loss.dissimilarity(x)

        assert torch.autograd.gradcheck(stage, drawn_prompts().requires_grad_())

    def test_masks_follow_the_teacher_alone(self):
        """The masks weigh a difference of 1 everywhere; another student changes nothing else."""
        student, teacher = pair(1, 3, 4, 4)
        prompts = drawn_prompts()
        losses = [freekd_loss(teacher + sign, teacher, prompts, relational=False) for sign in (1, -1)]
        torch.testing.assert_close(*losses)
        assert freekd_loss(student + 1, student, prompts, relational=False).item() != pytest.approx(losses[0].item())


class TestRelation:
    def test_weights_average_to_1_and_favour_channels_that_others_attend_to(self):
        x, _ = pair(2, 3, 4, 4)
        x[:, 2] += 3
        weight = relation(x)
        np.testing.assert_allclose(weight, relation_by_numpy(x.numpy()), rtol=1e-12)
        torch.testing.assert_close(weight.mean(1), torch.ones(2, dtype=torch.float64))
        assert (weight.argmax(1) == 2).all()
        assert not relation(x.requires_grad_()).requires_grad

    def test_equal_channels_weigh_1(self):
        torch.testing.assert_close(relation(torch.ones(2, 5, 3, 2)), torch.ones(2, 5))

    def test_a_repeated_map_keeps_its_weights(self):
        x, _ = pair(2, 3, 4, 4)
        torch.testing.assert_close(relation(x.repeat(1, 1, 2, 3)), relation(x))

    def test_the_weights_pass_no_gradient(self):
        student, teacher = pair(1, 3, 1, 1)
        student.requires_grad_()
        freekd_loss(student, teacher, torch.zeros(1, 1, 3)).backward()
        weight = relation_by_numpy(student.detach().numpy()) * relation_by_numpy(teacher.numpy())
        expected = 0.5 * weight[:, :, None, None] * np.sign((student - teacher).detach().numpy()) / 3
        np.testing.assert_allclose(student.grad, expected, rtol=1e-12)


@pytest.mark.parametrize('shape', [(2, 3, 4, 4), (1, 3, 5, 2), (2, 3, 1, 1)])
def test_gradient(shape):
    student, teacher = pair(*shape)
    prompts = drawn_prompts()
    function = lambda s: freekd_loss(s, teacher, prompts, relational=False)  # noqa: E731
    assert torch.autograd.gradcheck(function, student.requires_grad_())


@pytest.mark.parametrize('shape', SHAPES)
def test_equal_maps_cost_nothing_and_any_other_something(shape):
    student, teacher = pair(*shape)
    loss = built()
    assert loss(teacher.clone(), teacher).item() == 0
    assert loss(student, teacher).item() > 0


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    student, teacher = (10 * x.to(dtype) for x in pair(2, 3, 5, 4))
    loss = built()
    expected = [
        loss(student.float(), teacher.float()),
        loss.prompted(teacher.float()),
        loss.dissimilarity(teacher.float()),
    ]
    student.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        found = [loss(student, teacher), loss.prompted(teacher), loss.dissimilarity(teacher)]
    found[0].backward()
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=1e-6, atol=0)
    assert student.grad.isfinite().all()


def test_float64_stays_float64():
    student, teacher = pair(2, 3, 4, 4)
    assert built()(student, teacher).dtype == torch.float64
    assert built().prompted(teacher).dtype == torch.float64


@pytest.mark.parametrize('value', [0.0, 3.0, 1e4, -1e4])
@pytest.mark.parametrize('size', [(1, 1), (2, 2), (5, 2)])
def test_constant_and_huge_maps_have_finite_gradients(size, value):
    student = torch.full((1, 3, *size), value, requires_grad=True)
    for teacher in (torch.full((1, 3, *size), value), torch.zeros(1, 3, *size)):
        student.grad = None
        loss = built()
        loss.prompts.requires_grad_()
        loss(student, teacher).backward()
        assert student.grad.isfinite().all()
        (loss.prompted(student).mean() + loss.dissimilarity(student)).backward()
        assert loss.prompts.grad.isfinite().all()


class TestErrors:
    @pytest.mark.parametrize('shape', [(2, 3), (2, 5, 3)])
    def test_vectors_have_no_wavelets(self, shape):
        student, teacher = pair(*shape)
        with pytest.raises(ValueError, match=r'student feature \(2, .*wavelets need maps \[N, C, H, W\]'):
            built()(student, teacher)
        with pytest.raises(ValueError, match=r'teacher feature \(2, .*wavelets need maps'):
            built().prompted(teacher)

    def test_sizes_that_differ_ask_for_a_connector(self):
        student, teacher = torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 5, 2)
        with pytest.raises(ValueError, match=r'\(2, 3, 2, 2\).*\(2, 3, 5, 2\).*Resize'):
            built()(student, teacher)

    def test_other_channels_are_named(self):
        student, teacher = pair(2, 4, 2, 2)
        with pytest.raises(ValueError, match=r'\(2, 4, 2, 2\): the prompts \(4, 2, 3\) have other channels'):
            built()(student, teacher)

    def test_nothing_left_to_compare_is_an_error(self):
        with pytest.raises(ValueError, match=r'\(2, 3, 1, 4\): no level of detail to compare, and low=0'):
            built(low=0.0)(*pair(2, 3, 1, 4))

    @pytest.mark.parametrize('channels', [None, [64, 128]])
    def test_the_channels_of_one_map_are_needed(self, channels):
        with pytest.raises(ValueError, match=r"teacher_channels=.*: add the number, and on='map'"):
            FreeKDLoss(channels)


def test_it_is_a_module_that_moves_with_its_owner():
    assert nn.Sequential(built()).double()[0].prompts.dtype == torch.float64
