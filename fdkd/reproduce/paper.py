"""What the paper reports: Tables 1 to 4 of Liu, Zhang, Huang, Xu, Yang: "Distilling Cross-Modal Knowledge via Feature
Disentanglement", AAAI 2026, arXiv 2511.19887.

Top-1 accuracy or mean IoU in %. A figure that ends with its point (``70.``) has a decimal that was not legible in the
copy that these were read from.
"""

#: Folder of a method's configs to its name in tables, in the paper's order, then those that the paper does not have.
METHOD_NAMES = {
    'unimodal': 'alone',
    'logit': 'Logit',
    'dist': 'DIST',
    'dml': 'DML',
    'nkd': 'NKD',
    'dkd': 'DKD',
    'feat': 'Feat',
    'pkd': 'PKD',
    'ofd': 'OFD',
    'afd': 'AFD',
    'c2kd': 'C2KD',
    'fam': 'FAM-KD',
    'rkd': 'RKD',
    'reviewkd': 'ReviewKD',
    'freekd': 'FreeKD',
    'cwd': 'CWD',
    'fdkd': 'FD-CMKD',
}

TITLES = {
    'table1': 'Table 1: classification, top-1 accuracy (%)',
    'table2': 'Table 2: segmentation, mean IoU (%)',
    'table3': 'Table 3: the parts of FD-CMKD, top-1 accuracy (%)',
    'table4': 'Table 4: which band is distilled, top-1 accuracy (%)',
}

#: Data set and student's modality of each column.
_FOUR = (('cremad', 'audio'), ('cremad', 'visual'), ('ave', 'audio'), ('ave', 'visual'))
_EIGHT = (*_FOUR, ('vggsound', 'audio'), ('vggsound', 'visual'), ('crisismmd', 'text'), ('crisismmd', 'image'))
_COLUMNS = {'table1': _EIGHT, 'table2': (('nyu', 'depth'), ('nyu', 'rgb')), 'table3': _FOUR, 'table4': _FOUR}

#: Table to row to the figures of its columns, as printed.
_FIGURES = {
    'table1': {
        'unimodal': '62.4 66.8 63.7 38.8 68.9 44.9 77.4 70.2',
        'logit': '61.7 62.6 60.0 39.1 65.7 45.4 78.5 70.',
        'dist': '62.2 64.0 62.4 40.3 66.4 45.5 78.3 71.',
        'dml': '52.7 61.2 60.2 43.3 57.8 44.9 78.2 71.',
        'nkd': '62.4 61.8 60.7 38.1 65.6 44.9 78.1 71.',
        'dkd': '61.0 61.4 60.5 38.1 64.4 44.5 79.0 70.',
        'feat': '60.9 64.3 58.7 39.6 67.7 45.5 77.7 70.',
        'pkd': '60.4 64.8 58.0 41.0 62.9 46.9 77.5 70.9',
        'ofd': '60.6 61.6 58.0 39.6 68.5 45.8 78.1 71.',
        'afd': '61.2 59.5 62.7 38.8 68.7 45.8 69.8 72.',
        'c2kd': '57.5 59.8 62.7 39.3 67.0 47.9 77.9 71.4',
        'fdkd': '64.1 71.0 64.9 47.8 70.0 48.1 79.1 72.7',
    },
    'table2': {
        'unimodal': '30.9 34.1',
        'logit': '29.7 32.8',
        'dist': '32.3 34.9',
        'dkd': '32.5 35.3',
        'feat': '29.4 32.8',
        'pkd': '31.0 33.7',
        'afd': '30.2 32.7',
        'c2kd': '31.8 34.8',
        'fdkd': '33.2 36.9',
    },
    'table3': {  # freq, align, scale, log
        (False, False, False, False): '60.9 64.3 58.7 39.6',
        (True, False, False, False): '60.8 68.7 61.0 43.3',
        (False, True, False, False): '60.9 67.9 63.2 41.3',
        (True, True, False, False): '61.8 68.7 62.4 45.8',
        (True, False, True, False): '62.2 70.0 62.4 44.8',
        (True, True, True, False): '62.2 70.6 62.4 46.0',
        (True, True, True, True): '64.1 71.0 64.9 47.8',
    },
    'table4': {  # high, low
        (True, False): '62.4 67.5 64.9 44.0',
        (False, True): '62.1 69.1 64.2 44.5',
        (True, True): '64.1 71.0 64.9 47.8',
    },
}


def paper_figure(table: str, data: str, student: str, row: str | tuple[bool, ...]) -> float | None:
    """A figure of the paper in %; ``None`` where it has none, or where its decimal is not legible.

    Args:
        table: ``'table1'`` to ``'table4'``.
        data: ``'cremad'``, ``'ave'``, ``'vggsound'``, ``'crisismmd'`` or ``'nyu'``; any other has no figures.
        student: Its modality: ``'audio'``, ``'visual'``, ``'text'``, ``'image'``, ``'depth'`` or ``'rgb'``.
        row: Tables 1 and 2: folder of the method's configs. Table 3: whether (freq, align, scale, log) are on. Table 4:
            whether the (high, low) band is distilled.

    Raises:
        KeyError: The paper has no such table.

    Example:
        >>> paper_figure('table1', 'ave', 'visual', 'fdkd')
        47.8
    """
    printed = _printed(table, data, student, row)
    return None if printed is None or printed.endswith('.') else float(printed)


def paper_note(table: str, data: str, student: str, row: str | tuple[bool, ...]) -> str | None:
    """What is to be said of a figure that :func:`paper_figure` cannot give, though the paper has it; else ``None``.

    Example:
        >>> paper_note('table1', 'crisismmd', 'image', 'afd')
        'the paper has a figure from 72.0 to 72.9 here; its decimal was not legible'
    """
    printed = _printed(table, data, student, row)
    if printed is None or not printed.endswith('.'):
        return None
    return f'the paper has a figure from {printed}0 to {printed}9 here; its decimal was not legible'


def _printed(table: str, data: str, student: str, row: str | tuple[bool, ...]) -> str | None:
    columns, figures = _COLUMNS[table], _FIGURES[table].get(row)
    if figures is None or (data, student) not in columns:
        return None
    return figures.split()[columns.index((data, student))]
