"""``fdkd configs``: what it lists and copies."""

import pytest

from fdkd.commands.configs import HEADING, main
from fdkd.packaged import config_names
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ('pattern', 'first', 'count'),
    [
        ('rooms_feat', 'demo/rooms_feat_depth_from_rgb', 2),
        ('fdkd/nyu*', 'fdkd/nyu_depth_from_rgb', 2),
        ('configs/fdkd/nyu_rgb_from_depth.py', 'fdkd/nyu_rgb_from_depth', 1),
    ],
)
def test_patterns(pattern, first, count, capsys):
    main([pattern])
    printed = capsys.readouterr()
    assert printed.err == ''
    lines = printed.out.splitlines()
    assert lines[0].split()[0] == first
    assert len(lines) == count


def test_all_with_what_they_say(capsys):
    main([])
    printed = capsys.readouterr()
    assert printed.err == HEADING + '\n'
    lines = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == config_names()
    assert 'demo/digits_image' in {line.partition('  ')[0] for line in lines}
    assert any(
        line.endswith('  FD-CMKD on NYU-Depth V2: an RGB student learns from a depth teacher.') for line in lines
    )


def test_nothing_found():
    with pytest.raises(SystemExit, match=r'error: fdkd/nyu_rgb_form_depth: .*; did you mean fdkd/nyu_rgb_from_depth\?'):
        main(['fdkd/nyu_rgb_form_depth'])


def test_copies_bases_too_and_overwrites_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(['--copy', 'configs'])
    assert capsys.readouterr().out == f'configs: {len(config_names())} configs and their bases\n'
    copied = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / 'configs').rglob('*') if path.is_file()}
    there = (path for path in (REPOSITORY / 'configs').rglob('*') if path.is_file() and '__pycache__' not in path.parts)
    assert copied == {path.relative_to(REPOSITORY).as_posix() for path in there}
    with pytest.raises(SystemExit, match='error: --copy configs: exists already'):
        main(['--copy', 'configs'])


def test_a_link_in_the_place_of_the_copy_that_leads_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'configs').symlink_to('gone')
    with pytest.raises(SystemExit, match='error: --copy configs: configs is a link to gone, which is not there'):
        main(['--copy', 'configs'])
