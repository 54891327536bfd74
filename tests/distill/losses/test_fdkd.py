"""FD-CMKD against the paper's equations in NumPy: distances, invariances, classifiers, inputs that break naive code."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, cross_entropy, interpolate, linear

from fdkd.distill.losses.fdkd import FDKDLoss, band_distance, standardise, symmetric_log
from fdkd.registry import DISTILL_LOSSES

CLASSES = 3
DIMS = {2: (1,), 3: (1,), 4: (2, 3)}
SHAPES = [(4, 16), (3, 9, 8), (2, 8, 6, 5)]
every_shape = pytest.mark.parametrize('shape', SHAPES)


def pair(*shape, dtype=torch.float64):
    """Features of different scale and mean."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return (2 * x + 1).to(dtype), (0.5 * y - 3).to(dtype)


def labels(n, *size):
    return torch.randint(CLASSES, (n, *size), generator=torch.Generator().manual_seed(1))


def build(channels, *, seed=0, **options):
    torch.manual_seed(seed)
    return FDKDLoss(num_classes=CLASSES, channels=channels, **options).double()


def plain(**options):
    """Without classifiers."""
    return FDKDLoss(align=False, band_task=False, **options)


def bands(x):
    """Eq. 1 to 3: the real FFT, split at half of Nyquist, DC in neither band."""
    if x.ndim == 4:
        spectrum = np.fft.rfft2(x)
        fy, fx = np.abs(np.fft.fftfreq(x.shape[2])), np.fft.rfftfreq(x.shape[3])
        low = np.maximum(fy[:, None], fx) <= 0.25
        high = ~low
        low[0, 0] = False
        return {name: np.fft.irfft2(spectrum * mask, s=x.shape[2:]) for name, mask in (('low', low), ('high', high))}
    n = x.shape[1]
    spectrum = np.fft.rfft(x, axis=1)
    low, high = np.zeros_like(spectrum), np.zeros_like(spectrum)
    low[:, 1 : n // 4 + 1] = spectrum[:, 1 : n // 4 + 1]
    high[:, n // 4 + 1 :] = spectrum[:, n // 4 + 1 :]
    return {name: np.fft.irfft(band, n=n, axis=1) for name, band in (('low', low), ('high', high))}


def std(x, axes):
    """Eq. 7."""
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt((centred**2).sum(axes, keepdims=True))


def s(x):
    """Eq. 6."""
    return np.where(x >= 0, np.log(1 + np.abs(x)), -np.log(1 + np.abs(x)))


def reference(student, teacher, scale=True, log=True, reduction='mean'):
    """Eq. 4, 5, 8 and 9."""
    a, b = student.numpy(), teacher.numpy()
    axes = DIMS[a.ndim]
    vectors = a.size / np.prod([a.shape[axis] for axis in axes])
    losses = {}
    for band in ('low', 'high'):
        sides = [bands(x)[band] + (x.mean(axes, keepdims=True) if band == 'low' and not scale else 0) for x in (a, b)]
        sides = [std(x, axes) for x in sides] if scale else sides
        sides = [s(x) for x in sides] if log and band == 'high' else sides
        losses[f'loss_{band}'] = ((sides[0] - sides[1]) ** 2).sum() / (a.size if reduction == 'mean' else vectors)
    return losses


def classified(classifier, band, target):
    """Cross-entropy of ReLU and linear layer on one band ``[M, D]`` with labels ``[M]``."""
    return cross_entropy(linear(band.relu(), classifier.linear.weight, classifier.linear.bias), target)


def values(losses):
    return {name: loss.item() for name, loss in losses.items()}


class TestSymmetricLog:
    @pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
    def test_equals_numpy_up_to_1e30(self, dtype):
        x = torch.tensor([0, 1e-6, 0.5, 1, np.e - 1, 1e4, 1e30], dtype=dtype)
        for side in (x, -x):
            np.testing.assert_allclose(symmetric_log(side), s(side.double().numpy()), rtol=1e-6, atol=1e-12)
        assert symmetric_log(x)[4].item() == pytest.approx(1, rel=1e-6)

    def test_small_values_keep_their_digits(self):
        assert symmetric_log(torch.tensor([1e-9, -1e-9])).tolist() == pytest.approx([1e-9, -1e-9], rel=1e-6)

    def test_slope_is_1_over_1_plus_the_magnitude_also_at_0(self):
        x = torch.tensor([-1e30, -3.0, -1e-9, -0.0, 0.0, 1e-9, 3.0, 1e30], requires_grad=True)
        symmetric_log(x).sum().backward()
        torch.testing.assert_close(x.grad, 1 / (1 + x.detach().abs()))

    def test_gradient(self):
        assert torch.autograd.gradcheck(symmetric_log, torch.tensor([-2.0, -0.1, 0.3, 5.0]).double().requires_grad_())


class TestStandardise:
    @pytest.mark.parametrize('dims', [(1,), (2,), (2, 3), (0, 1, 2, 3)])
    def test_equals_numpy(self, dims):
        x, _ = pair(2, 3, 4, 5)
        np.testing.assert_allclose(standardise(x, dims), std(x.numpy(), dims), rtol=1e-13)

    def test_by_hand(self):
        expected = torch.tensor([[-(0.5**0.5), 0, 0.5**0.5]])
        torch.testing.assert_close(standardise(torch.tensor([[2.0, 4.0, 6.0]]), (1,)), expected)

    def test_a_norm_below_eps_is_clamped(self):
        x = torch.tensor([[3e-9, -3e-9]], dtype=torch.float64)
        assert standardise(x, (1,)).tolist()[0] == pytest.approx([0.3, -0.3], rel=1e-12)
        assert standardise(x, (1,), eps=1e-10)[0, 0].item() == pytest.approx(0.5**0.5, rel=1e-12)

    def test_zeros_give_zeros_and_a_finite_gradient(self):
        x = torch.zeros(2, 4, requires_grad=True)
        y = standardise(x, (1,))
        y[:, 0].sum().backward()
        assert y.count_nonzero() == 0
        assert x.grad.isfinite().all()


class TestBandDistance:
    """By hand on two vectors; standardised, they are (1, -1) / sqrt(2) and (-1, 1) / sqrt(2)."""

    student, teacher = torch.tensor([[1.0, -1.0]]).double(), torch.tensor([[-3.0, 3.0]]).double()

    @pytest.mark.parametrize(
        ('scale', 'log', 'per_element'),
        [
            (False, False, 4**2),
            (False, True, (np.log(2) + np.log(4)) ** 2),
            (True, False, 2.0),
            (True, True, (2 * np.log(1 + 0.5**0.5)) ** 2),
        ],
    )
    @pytest.mark.parametrize(('reduction', 'factor'), [('mean', 1), ('batchmean', 2)])
    def test_by_hand(self, scale, log, per_element, reduction, factor):
        distance = band_distance(self.student, self.teacher, (1,), scale=scale, log=log, reduction=reduction)
        assert distance.item() == pytest.approx(factor * per_element, rel=1e-12)

    @pytest.mark.parametrize(('dims', 'vectors'), [((1,), 2 * 4 * 5), ((2, 3), 2 * 3), ((3,), 2 * 3 * 4)])
    def test_batchmean_divides_by_the_number_of_vectors(self, dims, vectors):
        student, teacher = pair(2, 3, 4, 5)
        expected = (student - teacher).square().sum().item() / vectors
        distance = band_distance(student, teacher, dims, scale=False, reduction='batchmean')
        assert distance.item() == pytest.approx(expected, rel=1e-12)


class TestDistances:
    @every_shape
    @pytest.mark.parametrize('scale', [True, False])
    @pytest.mark.parametrize('log', [True, False])
    @pytest.mark.parametrize('reduction', ['mean', 'batchmean'])
    def test_equals_numpy(self, shape, scale, log, reduction):
        student, teacher = pair(*shape)
        losses = plain(scale=scale, log=log, reduction=reduction)(student, teacher)
        assert values(losses) == pytest.approx(reference(student, teacher, scale, log, reduction), rel=1e-10)

    @pytest.mark.parametrize(('low', 'high'), [(0.5, 3.0), (0, 2.0), (2.0, 0), (0, 0)])
    def test_lambdas_weigh_the_bands_and_0_leaves_one_out(self, low, high):
        student, teacher = pair(4, 16)
        expected = reference(student, teacher)
        expected = {f'loss_{band}': w * expected[f'loss_{band}'] for band, w in (('low', low), ('high', high)) if w}
        assert values(plain(lambda_low=low, lambda_high=high)(student, teacher)) == pytest.approx(expected, rel=1e-10)

    @every_shape
    @pytest.mark.parametrize('reduction', ['mean', 'batchmean'])
    def test_without_freq_it_is_the_mse_of_raw_features(self, shape, reduction):
        student, teacher = pair(*shape)
        elements = 1 if reduction == 'mean' else np.prod([shape[dim] for dim in DIMS[len(shape)]])
        expected = elements * np.mean((student.numpy() - teacher.numpy()) ** 2)
        losses = plain(freq=False, reduction=reduction)(student, teacher)
        assert values(losses) == {'loss_raw': pytest.approx(expected, rel=1e-12)}

    def test_without_scale_the_mean_counts_in_the_low_band(self):
        student, teacher = torch.full((2, 8), 3.0), torch.full((2, 8), 1.0)
        assert values(plain(scale=False)(student, teacher)) == {
            'loss_low': pytest.approx(4, rel=1e-6),
            'loss_high': pytest.approx(0, abs=1e-12),
        }

    @every_shape
    @pytest.mark.parametrize('mask', ['square', 'radial'])
    def test_with_scale_neither_scale_nor_mean_of_either_side_matters(self, shape, mask):
        student, teacher = pair(*shape)
        loss = plain(decoupler=dict(type='FourierDecoupler', mask=mask))
        expected = values(loss(student, teacher))
        kept = [size for dim, size in enumerate(shape) if dim not in DIMS[len(shape)]]
        vectors = torch.arange(1, 1 + np.prod(kept)).double()  # one factor and one offset for each vector
        for dim in DIMS[len(shape)]:
            kept.insert(dim, 1)
        vectors = vectors.view(kept)
        assert values(loss(student * vectors - vectors, teacher)) == pytest.approx(expected, rel=1e-9)
        assert values(loss(student, teacher / vectors + 7)) == pytest.approx(expected, rel=1e-9)
        assert values(loss(-student, teacher)) != pytest.approx(expected, rel=1e-2)

    @every_shape
    def test_equal_features_cost_nothing(self, shape):
        student, _ = pair(*shape)
        assert values(plain()(student, student.clone())) == {'loss_low': 0, 'loss_high': 0}

    def test_the_decoupler_comes_from_its_config(self):
        """On channels of maps, the loss of a map is the loss of its pixels as vectors."""
        student, teacher = pair(2, 12, 3, 5)
        loss = DISTILL_LOSSES.build(
            dict(type='FDKDLoss', align=False, band_task=False, decoupler=dict(type='FourierDecoupler', axes='channel'))
        )
        rows = [x.movedim(1, -1).reshape(-1, 12) for x in (student, teacher)]
        assert values(loss(student, teacher)) == pytest.approx(reference(*rows), rel=1e-10)


class TestClassifiers:
    def test_align_is_four_cross_entropies_and_band_two(self):
        student, teacher, target = *pair(6, 16), labels(6)
        loss = build(16)
        losses = loss(student, teacher, target)
        a, b = ({name: torch.from_numpy(x) for name, x in bands(side.numpy()).items()} for side in (student, teacher))
        align = sum(classified(loss.shared[name], side[name], target) for side in (a, b) for name in ('low', 'high'))
        band = sum(classified(loss.own[name], a[name], target) for name in ('low', 'high'))
        assert losses['loss_align'].item() == pytest.approx(align.item(), rel=1e-10)
        assert losses['loss_band'].item() == pytest.approx(band.item(), rel=1e-10)
        assert losses['loss_align'].item() != pytest.approx(2 * losses['loss_band'].item(), rel=1e-3)

    def test_the_four_classifiers_share_no_weights(self):
        loss = build(16)
        weights = [classifier.linear.weight for part in (loss.shared, loss.own) for classifier in part.values()]
        assert len({weight.data_ptr() for weight in weights}) == 4

    def test_unlabelled_pairs_leave_the_classifiers_out(self):
        student, teacher = pair(4, 16)
        assert values(build(16)(student, teacher, None)) == pytest.approx(reference(student, teacher), rel=1e-10)

    # Table 3: Freq, Align, Scale, Log, and what the row should be made of.
    @pytest.mark.parametrize(
        ('freq', 'align', 'scale', 'log', 'parts'),
        [
            (False, False, False, False, {'loss_raw'}),
            (True, False, False, False, {'loss_low', 'loss_high', 'loss_band'}),
            (False, True, False, False, {'loss_raw', 'loss_align'}),
            (True, True, False, False, {'loss_low', 'loss_high', 'loss_band', 'loss_align'}),
            (True, False, True, False, {'loss_low', 'loss_high', 'loss_band'}),
            (True, True, True, False, {'loss_low', 'loss_high', 'loss_band', 'loss_align'}),
            (True, True, True, True, {'loss_low', 'loss_high', 'loss_band', 'loss_align'}),
        ],
    )
    def test_rows_of_table_3(self, freq, align, scale, log, parts):
        student, teacher, target = *pair(6, 16), labels(6)
        loss = build(16, freq=freq, align=align, scale=scale, log=log)
        losses = values(loss(student, teacher, target))
        assert losses.keys() == parts
        if freq:
            expected = reference(student, teacher, scale, log)
            assert {name: losses[name] for name in expected} == pytest.approx(expected, rel=1e-10)
        else:
            assert losses['loss_raw'] == pytest.approx((student - teacher).square().mean().item(), rel=1e-12)
        if align and not freq:
            expected = sum(classified(loss.shared['raw'], x, target).item() for x in (student, teacher))
            assert losses['loss_align'] == pytest.approx(expected, rel=1e-12)

    def test_a_sequence_is_classified_by_the_mean_of_its_logits(self):
        student, teacher, target = *pair(4, 9, 8), labels(4)
        loss = build(8, align=False)
        expected = 0
        for name, band in bands(student.numpy()).items():
            layer = loss.own[name].linear
            steps = torch.from_numpy(band).relu().unbind(1)
            logits = sum(linear(step, layer.weight, layer.bias) for step in steps) / len(steps)
            expected += cross_entropy(logits, target).item()
        assert loss(student, teacher, target)['loss_band'].item() == pytest.approx(expected, rel=1e-10)

    def test_pixels_of_255_do_not_count(self):
        student, teacher, target = *pair(2, 8, 6, 5), labels(2, 6, 5)
        target[0, :, 2:] = 255
        target[1, 3] = 255
        valid = target != 255
        loss = build(8)
        losses = loss(student, teacher, target)
        rows = [
            {name: torch.from_numpy(x).movedim(1, -1)[valid] for name, x in bands(side.numpy()).items()}
            for side in (student, teacher)
        ]
        align = sum(classified(loss.shared[name], side[name], target[valid]) for side in rows for name in side)
        band = sum(classified(loss.own[name], rows[0][name], target[valid]) for name in rows[0])
        assert losses['loss_align'].item() == pytest.approx(align.item(), rel=1e-10)
        assert losses['loss_band'].item() == pytest.approx(band.item(), rel=1e-10)

    def test_unlabelled_samples_do_not_count(self):
        student, teacher, target = *pair(6, 16), labels(6)
        loss = build(16)
        expected = values(loss(student[:4], teacher[:4], target[:4]))
        target[4:] = -1
        losses = values(loss(student, teacher, target))
        for name in ('loss_align', 'loss_band'):
            assert losses[name] == pytest.approx(expected[name], rel=1e-12)

    def test_maps_are_classified_at_the_size_of_the_label_map(self):
        student, teacher, target = *pair(2, 8, 6, 5), labels(2, 12, 10)
        target[:, :3] = 255
        loss = build(8, align=False)
        expected = 0
        for name, band in bands(student.numpy()).items():
            layer = loss.own[name].linear
            small = conv2d(torch.from_numpy(band).relu(), layer.weight[:, :, None, None], layer.bias)
            logits = interpolate(small, scale_factor=2, mode='bilinear').movedim(1, -1)
            expected += cross_entropy(logits[:, 3:].flatten(0, 2), target[:, 3:].flatten()).item()
        assert loss(student, teacher, target)['loss_band'].item() == pytest.approx(expected, rel=1e-10)

    @pytest.mark.parametrize(('shape', 'size'), [((4, 16), ()), ((2, 8, 6, 5), (6, 5))])
    def test_nothing_valid_is_zero(self, shape, size):
        student, teacher = pair(*shape)
        loss = build(shape[1])
        losses = loss(student.requires_grad_(), teacher, torch.full((shape[0], *size), 255 if size else -1))
        assert losses['loss_align'].item() == losses['loss_band'].item() == 0
        (losses['loss_align'] + losses['loss_band']).backward()
        assert student.grad.count_nonzero() == 0
        assert all(p.grad.count_nonzero() == 0 for p in loss.parameters())


class TestGradients:
    @pytest.mark.parametrize(('shape', 'size'), [((2, 8), ()), ((2, 5, 3), ()), ((2, 3, 4, 3), (4, 3))])
    @pytest.mark.parametrize('options', [dict(), dict(scale=False, reduction='batchmean'), dict(freq=False)])
    def test_gradient_of_the_sum_of_all_parts(self, shape, size, options):
        student, teacher = pair(*shape)
        target = labels(shape[0], *size)
        if size:
            target[0, 0] = 255
        loss = build(shape[2] if len(shape) == 3 else shape[1], **options)
        total = lambda x: sum(loss(x, teacher, target).values())  # noqa: E731
        assert torch.autograd.gradcheck(total, student.requires_grad_())

    def test_a_frozen_teacher_teaches_the_classifiers_too(self):
        """Detached, it needs no gradient; the shared classifiers learn from it nevertheless, the others do not."""
        student, teacher, target = *pair(6, 16), labels(6)
        loss = build(16)
        sum(loss(student.requires_grad_(), teacher, target).values()).backward()
        assert teacher.grad is None
        assert student.grad.abs().max() > 0
        learnt = [p.grad.clone() for p in loss.parameters()]
        loss.zero_grad()
        sum(loss(student.detach(), 2 * teacher, target).values()).backward()
        for name, before in zip(dict(loss.named_parameters()), learnt, strict=True):
            same = loss.get_parameter(name).grad.equal(before)
            assert same == name.startswith('own.'), name

    def test_a_step_down_the_gradient_lowers_every_part(self):
        student, teacher, target = *pair(6, 16), labels(6)
        loss = build(16)
        before = loss(student.requires_grad_(), teacher, target)
        for name, part in before.items():
            (gradient,) = torch.autograd.grad(part, student, retain_graph=True)
            after = loss(student.detach() - 1e-3 * gradient / gradient.norm(), teacher, target)
            assert after[name] < part


class TestHardInputs:
    @pytest.mark.parametrize('shape', [(3, 512), (2, 9, 4), (2, 4, 6, 5)])
    @pytest.mark.parametrize('fill', [0.0, 0.1, 3.7, -100.0])
    def test_a_constant_student_is_the_zero_vector(self, shape, fill):
        """Only the teacher's unit vectors are left: the low part is 1 over their length."""
        _, teacher = pair(*shape, dtype=torch.float32)
        student = torch.full(shape, fill, requires_grad=True)
        losses = plain()(student, teacher)
        sum(losses.values()).backward()
        length = np.prod([shape[dim] for dim in DIMS[len(shape)]])
        high = (s(std(bands(teacher.double().numpy())['high'], DIMS[len(shape)])) ** 2).mean()
        assert losses['loss_low'].item() == pytest.approx(1 / length, rel=1e-3)
        assert losses['loss_high'].item() == pytest.approx(high, rel=1e-3)
        assert student.grad.isfinite().all()

    @pytest.mark.parametrize('fill', [0.0, 0.1, 1e4])
    def test_two_constants_cost_nothing(self, fill):
        student = torch.full((2, 512), fill, requires_grad=True)
        losses = plain()(student, torch.full((2, 512), -3.0))
        sum(losses.values()).backward()
        assert sum(losses.values()).item() < 1e-4
        assert student.grad.isfinite().all()

    @pytest.mark.parametrize('shape', [(4, 1), (3, 1, 8), (2, 3, 1, 1)])
    def test_a_single_element_has_no_bands(self, shape):
        student, teacher = pair(*shape)
        losses = plain()(student.requires_grad_(), teacher)
        sum(losses.values()).backward()
        assert values(losses) == {'loss_low': 0, 'loss_high': 0}
        assert student.grad.count_nonzero() == 0

    @every_shape
    @pytest.mark.parametrize('factor', [1e-3, 1e4])
    def test_float32_keeps_its_digits_at_any_usual_scale(self, shape, factor):
        student, teacher = (factor * x for x in pair(*shape, dtype=torch.float32))
        expected = reference(student.double(), teacher.double())
        assert values(plain()(student, teacher)) == pytest.approx(expected, rel=1e-5)

    @every_shape
    def test_1e30_in_float32_stays_finite(self, shape):
        student, teacher = (1e30 * x for x in pair(*shape, dtype=torch.float32))
        losses = plain()(student.requires_grad_(), teacher)
        sum(losses.values()).backward()
        assert all(loss.isfinite() for loss in losses.values())
        assert student.grad.isfinite().all()

    @every_shape
    @pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
    def test_autocast_does_not_lower_the_precision_of_the_bands(self, shape, dtype):
        student, teacher = pair(*shape, dtype=torch.float32)
        expected = reference(student.double(), teacher.double())
        with torch.autocast('cpu', dtype):
            losses = plain()(student, teacher)
        assert values(losses) == pytest.approx(expected, rel=1e-5)
        assert {loss.dtype for loss in losses.values()} == {torch.float32}
        half = [x.to(dtype) for x in (student, teacher)]
        expected = reference(*(x.double() for x in half))
        assert values(plain()(*half)) == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(('shape', 'size'), [((6, 16), ()), ((2, 8, 6, 5), (12, 10))])
    def test_classifiers_under_autocast(self, shape, size):
        """Their linear layers run in half precision, as every linear layer does; their softmax does not."""
        student, teacher, target = *pair(*shape, dtype=torch.float32), labels(shape[0], *size)
        loss = build(shape[1]).float()
        expected = values(loss(student, teacher, target))
        with torch.autocast('cpu', torch.bfloat16):
            losses = loss(student, teacher, target)
        assert values(losses) == pytest.approx(expected, rel=1e-2)
        assert {part.dtype for part in losses.values()} == {torch.float32}


class TestRefusals:
    def test_shapes_that_differ_are_named_with_the_connector(self):
        with pytest.raises(ValueError, match=r"\(4, 16\).*\(4, 8\).*type='Projection', in_channels=16, out_channels=8"):
            plain()(torch.zeros(4, 16), torch.zeros(4, 8))

    def test_a_feature_without_the_decoupled_axes_is_named(self):
        loss = plain(decoupler=dict(type='FourierDecoupler', axes='spatial'))
        with pytest.raises(ValueError, match=r"axes='spatial'.*\(4, 16\)"):
            loss(torch.zeros(4, 16), torch.zeros(4, 16))

    @pytest.mark.parametrize('options', [dict(), dict(num_classes=3), dict(channels=8), dict(align=False, channels=8)])
    def test_classifiers_need_classes_and_channels(self, options):
        with pytest.raises(ValueError, match='needs num_classes and channels'):
            FDKDLoss(**options)

    def test_an_unknown_reduction_is_named(self):
        with pytest.raises(ValueError, match=r"reduction='sum'.*'mean' or 'batchmean'"):
            plain(reduction='sum')


def test_built_from_a_config_with_its_decoupler():
    student, teacher = pair(3, 32)
    config = dict(
        type='FDKDLoss',
        decoupler=dict(type='FourierDecoupler', axes='channel', cutoff=0.25),
        lambda_high=0,
        align=False,
        band_task=False,
    )
    spectra = [np.fft.rfft(x.numpy()) for x in (student, teacher)]
    low = [np.fft.irfft(np.where((np.arange(17) > 0) & (np.arange(17) <= 4), x, 0), n=32) for x in spectra]
    expected = np.mean((std(low[0], 1) - std(low[1], 1)) ** 2)
    assert values(DISTILL_LOSSES.build(config)(student, teacher)) == {'loss_low': pytest.approx(expected, rel=1e-10)}
    assert config['decoupler']['type'] == 'FourierDecoupler'  # the config is left as it was
