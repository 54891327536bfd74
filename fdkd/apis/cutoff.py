"""The cutoff of FD-CMKD that trained models of a pair suggest, from training or validation data."""

from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config
from prettytable import PrettyTable

from fdkd.analysis.cutoff import Suggestion, suggest_cutoff
from fdkd.analysis.plots import profile_figure, write_figure
from fdkd.analysis.spectrum import Profile, StreamingProfile
from fdkd.apis.config import load_config
from fdkd.apis.features import TrainedModel, feature_batches, split_loader
from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError
from fdkd.files import finite, write_json

PROFILE_FILE = 'spectral_cka.json'
PICTURE_FILE = 'profile.png'


def cutoff(
    config: str | Path,
    student: str | Path,
    teacher: str | Path,
    options: RunOptions | None = None,
    *,
    split: Literal['train', 'val'] = 'train',
    bands: int = 16,
    out: str | Path | None = None,
    unsafe_checkpoint: bool = False,
) -> dict[str, Any]:
    """Compares a pair's trained models by frequency band and suggests where the low band should end.

    The features are those of the config's FD-CMKD loss, along its decoupler's axes; of another method's config those
    of the tap ``feat`` along its default axes.

    Args:
        config: Config file of the pair.
        student: Checkpoint of the student's modality, trained alone or by distillation.
        teacher: Checkpoint of the teacher.
        options: What this run changes.
        split: Which data; nothing is tuned on test data.
        bands: Number of bands of equal width.
        out: Folder for ``profile.png`` and ``spectral_cka.json``; default: the student checkpoint's.
        unsafe_checkpoint: Unpickle the checkpoints without restriction.

    Returns:
        What ``spectral_cka.json`` holds.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`.
    """
    if split not in ('train', 'val'):
        raise ConfigError(f"split={split!r}: a cutoff is chosen on 'train' or 'val', nothing is tuned on test data")
    cfg = load_config(config, options := options or RunOptions())
    if 'teachers' in cfg.model:
        raise ConfigError(
            f'{config}: has several teachers ({", ".join(cfg.model.teachers)}), and a cutoff is suggested for one'
        )
    if 'teacher' not in cfg.model:
        raise ConfigError(f'{config}: trains one model alone; expected the config of a pair, student and teacher')
    name, loss = _frequency_loss(cfg)
    tap, axes = loss.get('on', 'feat'), loss.get('decoupler', {}).get('axes')
    models = [
        TrainedModel(cfg, checkpoint, [tap], role, options, unsafe_checkpoint)
        for role, checkpoint in (('student', student), ('teacher', teacher))
    ]
    stream = StreamingProfile(bands, axes)
    loader = split_loader(cfg, split, [model.modality for model in models])
    for batch in feature_batches(models, loader, 'reading both models'):
        stream.update(*(_one(features[tap], tap) for features in batch.features))
    profile = stream.value()
    suggestion = suggest_cutoff(profile)
    record = _record(profile, suggestion, models, split)
    _write(record, profile, suggestion, Path(out) if out else Path(student).parent)
    print(_table(record, len(loader.dataset)))
    print(_advice(suggestion, name, axes))
    return record


def _frequency_loss(cfg: Config) -> tuple[str, dict[str, Any]]:
    """The name and the config of the loss that decouples; where there is none, ``'fdkd'`` and no settings."""
    losses = cfg.model.get('losses', {})
    found = [(name, loss) for name, loss in losses.items() if loss.get('type') in ('FDKDLoss', 'fdkd.FDKDLoss')]
    return found[0] if found else ('fdkd', {})


def _one(feature: Any, tap: str) -> Any:
    if isinstance(feature, list):
        raise ConfigError(f'the tap {tap!r} reads {len(feature)} tensors, a profile compares one')
    return feature


def _record(profile: Profile, suggestion: Suggestion, models: list[TrainedModel], split: str) -> dict[str, Any]:
    roles = ('student', 'teacher')
    return {
        'edges': list(profile.edges),
        'cka': finite(profile.cka),
        'debiased': finite(profile.debiased),
        'energy': {role: list(share) for role, share in zip(roles, profile.energy, strict=True)},
        **{role: model.modality for role, model in zip(roles, models, strict=True)},
        'samples': profile.samples,
        'split': split,
        'cutoff': suggestion.cutoff,
        'reason': suggestion.reason,
    }


def _write(record: dict[str, Any], profile: Profile, suggestion: Suggestion, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / PROFILE_FILE, record)
    names = (f'student ({record["student"]})', f'teacher ({record["teacher"]})')
    write_figure(folder / PICTURE_FILE, profile_figure(profile, suggestion, names))


def _table(record: dict[str, Any], listed: int) -> str:
    table = PrettyTable(['band', 'CKA', 'debiased', 'student energy (%)', 'teacher energy (%)'])
    table.align = 'r'
    edges, energy = record['edges'], record['energy']
    rows = zip(record['cka'], record['debiased'], energy['student'], energy['teacher'], strict=True)
    for low, high, (cka, debiased, student, teacher) in zip(edges, edges[1:], rows, strict=False):
        shown = ['-' if value is None else f'{value:.4f}' for value in (cka, debiased)]
        table.add_row([f'{low:.4f}-{high:.4f}', *shown, f'{100 * student:.1f}', f'{100 * teacher:.1f}'])
    both = f'{record["samples"]:,} samples'
    if record['samples'] < listed:
        both += f' with both of {listed:,}'
    table.title = f'{record["student"]} and {record["teacher"]}, {both}, split {record["split"]}'
    return table.get_string()


def _advice(suggestion: Suggestion, name: str, axes: str | None) -> str:
    if suggestion.cutoff is None:
        return f'no cutoff suggested: {suggestion.reason}'
    chosen = {'type': 'FourierDecoupler', 'cutoff': suggestion.cutoff} | ({'axes': axes} if axes else {})
    inside = ', '.join(f'{key}={value!r}' for key, value in chosen.items())
    line = ' '.join(f'model.losses.{name}.decoupler.{key}={value}' for key, value in chosen.items())
    return (
        f'suggested cutoff {suggestion.cutoff:g}: {suggestion.reason}\n'
        f'in the config of the loss: decoupler=dict({inside})\n'
        f'or for one run: --cfg-options {line}'
    )
