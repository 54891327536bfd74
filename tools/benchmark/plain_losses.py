"""The losses as a plain script writes them, formula by formula, for what fdkd's cost beside them.

The value is that of fdkd's loss. Logit losses compute every pixel and pick the valid ones afterwards, but for DIST,
whose correlations run over the pixels: it picks them first. Losses that learn something share the layers of fdkd's.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d as pool
from torch.nn.functional import interpolate, kl_div, log_softmax, mse_loss, normalize, pad, smooth_l1_loss, softmax

from fdkd.distill.losses import FAMLoss
from fdkd.distill.losses.c2kd import kendall_tau
from fdkd.labels import VOID

Maps = list[Tensor]


def mean_kl(student: Tensor, teacher: Tensor, target: Tensor, selected: Tensor | None = None) -> Tensor:
    """Divergence of softmaxes, averaged over the samples or the valid pixels; those not ``selected`` count as 0."""
    p, q = log_softmax(student, 1), softmax(teacher, 1)
    if student.ndim == 2 and selected is None:
        return kl_div(p, q, reduction='batchmean')
    divergence = kl_div(p, q, reduction='none').sum(1)
    if selected is not None:
        divergence = divergence * selected
    return (divergence if student.ndim == 2 else divergence[target != VOID]).mean()


def one_hot(logits: Tensor, target: Tensor) -> Tensor:
    classes = target.masked_fill(target == VOID, 0)
    return torch.zeros_like(logits, dtype=torch.bool).scatter_(1, classes.unsqueeze(1), True)


def logit_kd(student: Tensor, teacher: Tensor, target: Tensor, tau: float = 4.0) -> Tensor:
    return tau**2 * mean_kl(student / tau, teacher / tau, target)


def nkd(student: Tensor, teacher: Tensor, target: Tensor, tau: float = 4.0) -> Tensor:
    """The target class leaves the softmax by a logit far below the others."""
    away = 1000 * one_hot(student, target)
    return tau**2 * mean_kl(student / tau - away, teacher / tau - away, target)


def dkd(
    student: Tensor, teacher: Tensor, target: Tensor, alpha: float = 1.0, beta: float = 8.0, tau: float = 4.0
) -> Tensor:
    """Target against the rest, and the rest among each other."""
    hot = one_hot(student, target)

    def target_and_rest(logits: Tensor) -> Tensor:
        p = softmax(logits / tau, 1)
        return torch.stack([(p * hot).sum(1), (p * ~hot).sum(1)], 1)

    of_target = kl_div(target_and_rest(student).log(), target_and_rest(teacher), reduction='none').sum(1)
    of_target = of_target if student.ndim == 2 else of_target[target != VOID]
    return alpha * tau**2 * of_target.mean() + beta * nkd(student, teacher, target, tau)


def dist(
    student: Tensor, teacher: Tensor, target: Tensor, beta: float = 1.0, gamma: float = 1.0, tau: float = 1.0
) -> Tensor:
    if student.ndim == 4:
        student, teacher = (x.movedim(1, 3)[target != VOID] for x in (student, teacher))
    p, q = softmax(student / tau, 1), softmax(teacher / tau, 1)
    inter, intra = 1 - correlation(p, q).mean(), 1 - correlation(p.T, q.T).mean()
    return beta * tau**2 * inter + gamma * tau**2 * intra


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's, of each row."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-8)


def c2kd(student: Tensor, student_proxy: Tensor, teacher: Tensor, teacher_proxy: Tensor, target: Tensor) -> Tensor:
    """All six divergences; fdkd's own selection, which is timed apart."""
    selected = kendall_tau(student_proxy, teacher_proxy) > 0
    away = 1000 * one_hot(student, target)
    total = 0
    for a, b in ((student, student_proxy), (teacher, teacher_proxy)):
        total = total + mean_kl(a, b.detach(), target) + mean_kl(b, a.detach(), target)
    a, b = student_proxy - away, teacher_proxy - away
    return total + mean_kl(a, b.detach(), target, selected) + mean_kl(b, a.detach(), target, selected)


def feat(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    return mse_loss(student, teacher)


def pkd(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    student, teacher = (x if x.ndim == 2 else x.movedim(1, 3).flatten(0, 2) for x in (student, teacher))
    standardised = [(x - x.mean(0)) / (x.var(0, correction=0) + 1e-12).sqrt() for x in (student, teacher)]
    return mse_loss(*standardised) / 2


def cwd(student: Tensor, teacher: Tensor, target: Tensor, tau: float = 4.0) -> Tensor:
    student, teacher = (x.flatten(2).flatten(0, 1) / tau for x in (student, teacher))
    return tau**2 * kl_div(log_softmax(student, 1), softmax(teacher, 1), reduction='batchmean')


def rkd(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    """Distances from inner products, angles from all differences of samples."""
    student, teacher = (x if x.ndim == 2 else x.mean((2, 3)) for x in (student, teacher))
    of_distances = smooth_l1_loss(relative_distances(student), relative_distances(teacher))
    return 25 * of_distances + 50 * smooth_l1_loss(cosines(student), cosines(teacher))


def relative_distances(x: Tensor) -> Tensor:
    squares, products = x.square().sum(1), x @ x.T
    distances = (squares[:, None] + squares - 2 * products).clamp_min(1e-12).sqrt()
    distances = distances * ~torch.eye(len(x), dtype=torch.bool, device=x.device)
    return distances / distances[distances > 0].mean()


def cosines(x: Tensor) -> Tensor:
    directions = normalize(x[None] - x[:, None], dim=2)
    return directions @ directions.mT


class PlainFDKD(nn.Module):
    """Eq. 1 to 9 of FD-CMKD as they stand: a transform, two masks, two inverse transforms, norms, logs."""

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> dict[str, Tensor]:
        (low_a, high_a), (low_b, high_b) = self.bands(student.float()), self.bands(teacher.float())
        return {'loss_low': (low_a - low_b).square().mean(), 'loss_high': (log(high_a) - log(high_b)).square().mean()}

    def bands(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The standardised band up to half of Nyquist, and the one above: of vectors' channels, of maps' positions."""
        dims = tuple(range(1, x.ndim)[-2:])
        frequency = torch.fft.rfftfreq(x.shape[-1], device=x.device)
        if x.ndim == 4:
            frequency = torch.maximum(torch.fft.fftfreq(x.shape[2], device=x.device).abs()[:, None], frequency)
        low, high = frequency <= 0.25, frequency > 0.25
        low[(0,) * low.ndim] = False
        spectrum = torch.fft.rfftn(x, dim=dims)
        bands = (torch.fft.irfftn(spectrum * mask, s=[x.shape[dim] for dim in dims], dim=dims) for mask in (low, high))
        return tuple(band / torch.linalg.vector_norm(band, dim=dims, keepdim=True).clamp_min(1e-8) for band in bands)


def log(x: Tensor) -> Tensor:
    """Eq. 6."""
    return x.sign() * x.abs().log1p()


class Shared(nn.Module):
    """A formulation that uses the layers of fdkd's loss."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.ours = ours


class PlainOFD(Shared):
    """All squared differences, times a mask."""

    def forward(self, student: Maps, teacher: Maps, target: Tensor) -> Tensor:
        total = 0
        for depth, (stage, s, t) in enumerate(zip(self.ours.stages, student, teacher, strict=True)):
            s, t = stage.norm(stage.conv(s)), torch.maximum(t, stage.margin[:, None, None])
            distance = (s - t).square() * ((s > t) | (t > 0))
            total = total + distance.sum() / len(s) / 2 ** (len(teacher) - 1 - depth)
        return self.ours.alpha * total


class PlainAFD(Shared):
    """Every pair of stages on its own."""

    def forward(self, student: Maps, teacher: Maps, target: Tensor) -> Tensor:
        ours, count = self.ours, len(student[0])
        query = torch.stack([layer(t.mean((2, 3))) for layer, t in zip(ours.query, teacher, strict=True)], 1)
        key = torch.stack([layer(s.mean((2, 3))) for layer, s in zip(ours.key, student, strict=True)], 1)
        key = ours.bilinear(key.flatten(0, 1)).view(count, len(student), *query.shape[1:])
        scores = torch.einsum('nstq,ntq->nts', key, query) + ours.teacher_position @ ours.student_position.T
        attention = softmax(scores / query.shape[2] ** 0.5, 2)
        total = 0
        for stage, t in enumerate(teacher):
            goal = normalize(t.square().mean(1).flatten(1))
            for other, s in enumerate(student):
                energy = normalize(pool(s.square().mean(1), t.shape[2:]).flatten(1))
                total = total + (attention[:, stage, other] * (energy - goal).square().mean(1)).mean()
        return ours.beta * total


class PlainReviewKD(Shared):
    """The stages are concatenated for the attention, and both sides pooled."""

    def forward(self, student: Maps, teacher: Maps, target: Tensor) -> Tensor:
        total, deeper = 0, None
        for fusion, s, t in list(zip(self.ours.fusions, student, teacher, strict=True))[::-1]:
            x = fusion.reduce(s)
            if deeper is not None:
                deeper = interpolate(deeper, x.shape[2:])
                weights = fusion.attention(torch.cat([x, deeper], 1)).sigmoid()
                x = x * weights[:, :1] + deeper * weights[:, 1:]
            deeper = interpolate(x, t.shape[2:])
            total = total + context(fusion.expand(deeper), t)
        return total


def context(student: Tensor, teacher: Tensor) -> Tensor:
    """ReviewKD's loss of one stage: errors of the maps as they are and pooled, each half as heavy as the one before."""
    sizes = [size for size in (4, 2, 1) if size < student.shape[2]]
    errors = [mse_loss(student, teacher), *(mse_loss(pool(student, size), pool(teacher, size)) for size in sizes)]
    weights = [0.5**level for level in range(len(errors))]
    return sum(weight * error for weight, error in zip(weights, errors, strict=True)) / sum(weights)


class PlainFAM(nn.Module):
    """The filter on the full spectrum: the Hermitian continuation of fdkd's half."""

    def __init__(self, ours: FAMLoss) -> None:
        super().__init__()
        self.size, self.local, self.gamma = ours.size, ours.attention.local, ours.attention.gamma
        half = torch.view_as_complex(ours.attention.weight.detach())
        full = torch.fft.fft2(torch.fft.irfft2(half, s=self.size, dim=(0, 1)), dim=(0, 1))
        self.weight = nn.Parameter(full.permute(2, 3, 0, 1).contiguous())
        columns = torch.arange(self.size[1])
        self.register_buffer('kept', ours.attention.kept[:, torch.minimum(columns, self.size[1] - columns)])

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
        x = pool(student, self.size)
        spectrum = torch.einsum('nihw,iohw->nohw', torch.fft.fft2(x), self.weight) * self.kept
        x = self.gamma[0] * torch.fft.ifft2(spectrum).real + self.gamma[1] * self.local(x)
        return mse_loss(x, pool(teacher, self.size))


class PlainFreeKD(Shared):
    """Both maps are transformed and masked."""

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
        levels = len(self.ours.prompts) - 1
        weight = (channel_weights(student.detach()) * channel_weights(teacher))[:, :, None, None]
        total = 0
        for prompt, ours, theirs in zip(
            self.ours.prompts, wavelets(student, levels), wavelets(teacher, levels), strict=False
        ):
            mask = (prompt @ sum(theirs).flatten(2)).sigmoid().mean(1).view(len(teacher), 1, *theirs[0].shape[2:])
            for a, b in zip(ours, theirs, strict=True):
                total = total + ((a * mask - b * mask).abs() * weight).mean() / len(ours)
        return total


def channel_weights(x: Tensor) -> Tensor:
    x = x.flatten(2)
    return softmax(x @ x.mT / x.shape[2], 2).sum(1)


def wavelets(x: Tensor, levels: int) -> list[Maps]:
    """Haar bands: the approximation, then the three of each level."""
    bands = []
    while len(bands) < levels and min(x.shape[2:]) > 1:
        x = pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
        a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        x = (a + b + c + d) / 2
        bands.append([(a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2])
    return [[x], *bands]
