"""The first tour runs from its first cell to its last, and is committed without output."""

import os

import pytest

from tests.docs.conftest import REPOSITORY

nbformat = pytest.importorskip('nbformat')
nbclient = pytest.importorskip('nbclient')
pytest.importorskip('ipykernel')
NOTEBOOK = REPOSITORY / 'notebooks' / 'first_tour.ipynb'


def test_it_is_committed_without_output():
    code = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == 'code']
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_its_links_lead_somewhere():
    text = NOTEBOOK.read_text()
    for page in ('own_data', 'own_method', 'concepts'):
        assert f'../docs/{page}.md' in text
        assert (REPOSITORY / 'docs' / f'{page}.md').is_file()


def test_it_runs(tmp_path, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(REPOSITORY), os.environ.get('PYTHONPATH', '')]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name='python3').execute(cwd=str(tmp_path))
    outputs = [output for cell in notebook.cells if cell.cell_type == 'code' for output in cell.outputs]
    pictures = [output for output in outputs if 'image/png' in output.get('data', {})]
    assert len(pictures) == 3
    assert (tmp_path / 'work_dirs' / 'first_tour' / 'image_from_audio' / 'student.pth').is_file()
