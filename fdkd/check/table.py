"""What a check found, for a terminal."""

from collections.abc import Sequence
from typing import Any

from prettytable import PrettyTable

from fdkd.check.findings import Findings

_COLUMNS = {
    'loss': 'loss', 'tap': 'tap', 'student_path': 'student path', 'student_shape': 'student shape',
    'connector': 'connector', 'teacher_path': 'teacher path', 'teacher_shape': 'teacher shape', 'weight': 'weight',
    'value': 'value',
}  # fmt: skip


def described(found: Findings) -> str:
    """Taps, parameters, memory, schedule, notes and all mistakes of one config."""
    verdict = 'no mistakes' if not found.mistakes else _count(len(found.mistakes), 'mistake')
    parts = [f'{found.config}: {verdict} ({found.seconds:.1f} s)']
    if found.batch:
        parts += [_taps(found), _parameters(found), _memory(found)]
    parts += [f'  trained with {found.schedule}'] if found.schedule else []
    parts += [f'  note: {note}' for note in found.notes]
    parts += [f'  {number}. {mistake}' for number, mistake in enumerate(found.mistakes, 1)]
    return '\n'.join(parts)


def summary(checked: Sequence[Findings]) -> str:
    """One row for each config."""
    table = PrettyTable(['config', 'mistakes', 'notes', 'losses', 'trainable', 'memory, MiB', 'seconds'])
    table.align, table.align['config'] = 'r', 'l'
    for found in checked:
        trainable = sum(part['trainable'] for part in found.parameters.values())
        table.add_row(
            [
                found.config,
                len(found.mistakes) or '-',
                len(found.notes) or '-',
                len(found.losses),
                f'{trainable:,}',
                _mebibytes(found.memory['total']) if found.memory else '-',
                f'{found.seconds:.1f}',
            ]
        )
    wrong = sum(bool(found.mistakes) for found in checked)
    table.title = f'{_count(len(checked), "config")}, {wrong or "none"} with mistakes'
    return table.get_string()


def _taps(found: Findings) -> str:
    table = PrettyTable(list(_COLUMNS.values()))
    table.align, table.align['value'], table.align['weight'] = 'l', 'r', 'r'
    for row in found.taps:
        table.add_row([_cell(row[key]) for key in _COLUMNS])
    distilled = tuple(f'{row["loss"]}.' for row in found.taps)
    for name, value in found.losses.items():
        if not name.startswith(distilled) or not distilled:
            table.add_row([name, *[''] * (len(_COLUMNS) - 2), _cell(value)])
    return table.get_string()


def _cell(value: Any) -> str:
    if value is None:
        return ''
    if isinstance(value, float):
        return f'{value:.4g}'
    if isinstance(value, list) and value and isinstance(value[0], (list, str)):
        return '\n'.join(_cell(entry) for entry in value)
    if isinstance(value, list):
        return 'x'.join(map(str, value))
    return str(value)


def _parameters(found: Findings) -> str:
    counts = [
        f'{name} {part["total"]:,} ({part["trainable"]:,} trainable)'
        for name, part in found.parameters.items()
        if part['total']
    ]
    return f'  parameters: {", ".join(counts)}'


def _memory(found: Findings) -> str:
    shapes = ', '.join(f'{name} {_cell(shape)}' for name, shape in found.batch['shapes'].items())
    kinds = ', '.join(f'{name} {_mebibytes(size)}' for name, size in found.memory.items() if name != 'total')
    return (
        f'  memory, estimated for batches of {found.batch["config"]} from a step with {found.batch["samples"]} of '
        f'{shapes}: {_mebibytes(found.memory["total"])} MiB ({kinds})'
    )


def _mebibytes(size: float) -> str:
    return f'{size / 2**20:,.1f}'


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'
