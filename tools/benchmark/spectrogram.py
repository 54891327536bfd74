"""What a spectrogram costs per clip: fdkd's steps against librosa and scipy, as the published preprocessing does it.

pip install -e '.[benchmarks]'
python tools/benchmark/spectrogram.py

Clips of noise and tones are generated and written as wav files of 3 s and 10 s at 16 kHz. A repeat passes all of them
once through each way, in random order: reading, tiling to the length, spectrum, logarithm, standardising; and fdkd's
steps once more with ``Cached`` around them, which reads what it kept. Before that the results are compared, and nothing
is timed where they differ by more than 1e-4. The published way is timed without its resampling, which fdkd does once,
when the data are prepared.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from prettytable import PrettyTable

from fdkd.apis import benchmark
from fdkd.apis.cli import guarded, positive
from fdkd.apis.provenance import environment
from fdkd.datasets.transforms import Cached
from fdkd.errors import ConfigError, FdkdError
from fdkd.files import write_json
from fdkd.registry import TRANSFORMS

RATE = 16000
SECONDS = (3, 10)
GOAL = 3.0
CLOSE = 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--clips', type=positive, default=10, help='clips of each length (10)')
    parser.add_argument('--repeats', type=positive, default=20, help='repeats that count (20)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure, the seconds and the setting')
    args = parser.parse_args()
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    torch.set_num_threads(1)  # as in a process that loads data
    with tempfile.TemporaryDirectory() as folder:
        lengths = [measure(Path(folder), seconds, args.clips, args.repeats) for seconds in SECONDS]
    figures = {**environment(), 'clips': args.clips, 'repeats': args.repeats, 'lengths': lengths}
    print(table(figures))
    if args.json:
        write_json(args.json, figures)


def measure(folder: Path, seconds: int, clips: int, repeats: int) -> dict[str, Any]:
    """The figures of one length.

    Raises:
        FdkdError: If the two ways differ.
    """
    paths = [_write_clip(folder / f'{seconds}s_{number}.wav', seconds, number) for number in range(clips)]
    steps = [dict(type='LoadAudio', modality='audio', seconds=seconds), dict(type='Spectrogram', modality='audio')]
    load, spectrogram = map(TRANSFORMS.build, steps)
    kept = Cached('audio', str(folder / 'cache'), steps)

    def ours(path: str) -> np.ndarray:
        return np.asarray(spectrogram.apply(load.apply(path, path), path))[0]

    def cached(path: str) -> np.ndarray:
        return np.asarray(kept.apply(path, path))[0]

    difference = max(np.abs(way(path) - published(path, seconds)).max() for path in paths for way in (ours, cached))
    if difference > CLOSE:
        raise FdkdError(f'{seconds} s: the two differ by {difference:.1e}: nothing was timed')
    tasks = {
        'published': lambda: [published(path, seconds) for path in paths],
        'fdkd': lambda: [ours(path) for path in paths],
        'cached': lambda: [cached(path) for path in paths],
    }
    taken = benchmark.time_interleaved(tasks, repeats, f'{seconds} s')
    ratios = {
        way: benchmark.median_interval([a / b for a, b in zip(taken['published'], taken[way], strict=True)])
        for way in ('fdkd', 'cached')
    }
    return {
        'seconds': seconds,
        'largest_difference': float(difference),
        'milliseconds': {name: 1000 * float(np.median(values)) / clips for name, values in taken.items()},
        'times_faster': {way: ratio._asdict() for way, ratio in ratios.items()},
    }


def published(path: str, seconds: int) -> np.ndarray:
    """librosa reads, scipy transforms.

    Raises:
        ConfigError: If librosa is not installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise ConfigError("librosa is not installed: pip install -e '.[benchmarks]'") from error
    from scipy.signal import spectrogram

    samples, _ = librosa.load(path, sr=RATE)
    tiled = np.tile(samples, -(-seconds * RATE // len(samples)))[: seconds * RATE]
    log = np.log(spectrogram(tiled, RATE, nperseg=512, noverlap=353)[2] + 1e-7)
    return (log - log.mean()) / log.std()


def table(figures: dict[str, Any]) -> str:
    """One row for each length and way."""
    drawn = PrettyTable(['clip', 'way', 'ms', 'times faster', f'goal >= {GOAL:.0f}'])
    for length in figures['lengths']:
        for way, milliseconds in length['milliseconds'].items():
            ratio = length['times_faster'].get(way)
            times = f'{ratio["median"]:.2f} [{ratio["low"]:.2f}, {ratio["high"]:.2f}]' if ratio else ''
            drawn.add_row(
                [f'{length["seconds"]} s', way, f'{milliseconds:.2f}', times, _verdict(ratio) if ratio else '']
            )
        drawn.add_divider()
    drawn.title = f'{figures["device"]}, one thread; {figures["repeats"]} repeats, median [95 %]'
    return drawn.get_string()


def _verdict(ratio: dict[str, Any]) -> str:
    if ratio['low'] >= GOAL:
        return 'met'
    return 'met within noise' if ratio['high'] >= GOAL else 'missed'


def _write_clip(path: Path, seconds: int, seed: int) -> str:
    """Two thirds of the length, so that it is tiled: a gliding tone in noise."""
    generator, time = np.random.default_rng(seed), np.arange(2 * seconds * RATE // 3) / RATE
    wave = 0.3 * np.sin(2 * np.pi * (200 + 100 * time) * time) + 0.05 * generator.normal(size=len(time))
    soundfile.write(path, wave, RATE, subtype='PCM_16')
    return str(path)


if __name__ == '__main__':
    guarded(main)
