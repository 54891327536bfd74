"""``tools/slurm_train.sh`` with stand-ins for Slurm's commands."""

import os
import signal
import subprocess
import time

import pytest

SRUN = """#!/usr/bin/env bash
echo "srun $*" >> "$STUB/log"
trap 'echo INT >> "$STUB/log"; exit 75' INT
trap 'echo TERM >> "$STUB/log"; exit 75' TERM
read -r status rest < "$STUB/plan"
echo "$rest" > "$STUB/plan"
while [ "$status" = wait ]; do touch "$STUB/started"; sleep 0.05; done
exit "$status"
"""
SCONTROL = '#!/usr/bin/env bash\necho "scontrol $*" >> "$STUB/log"\nexit "${SCONTROL:-0}"\n'


@pytest.fixture
def start(tmp_path):
    """Starts the script; ``plan`` are the statuses with which ``srun`` ends, one after the other."""
    for name, text in (('srun', SRUN), ('scontrol', SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def start(plan, **variables):
        (tmp_path / 'plan').write_text(f'{plan}\n')
        (tmp_path / 'log').write_text('')
        kept = {name: value for name, value in os.environ.items() if not name.startswith('SLURM')}
        path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
        command = ['bash', 'tools/slurm_train.sh', 'part', 'job', 'CONFIG', '--seed', '1']
        return subprocess.Popen(
            command,
            env={**kept, 'PATH': path, 'STUB': str(tmp_path), **variables},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    return start


@pytest.fixture
def run(start, tmp_path):
    """Runs the script; returns its status and what was called, in short."""

    def run(plan, **variables):
        process = start(plan, **variables)
        process.communicate(timeout=60)
        called = [line.split('train.py CONFIG ')[-1] for line in (tmp_path / 'log').read_text().splitlines()]
        return process.returncode, called

    return run


FIRST = '--launcher slurm --seed 1'
AGAIN = f'{FIRST} --resume'


@pytest.mark.parametrize(
    ('plan', 'variables', 'status', 'called'),
    [
        ('0', {}, 0, [FIRST]),
        ('1', {}, 1, [FIRST]),  # a mistake is not tried again
        ('137', {'SLURM_JOB_ID': '7'}, 137, [FIRST]),
        ('75 75 0', {}, 0, [FIRST, AGAIN, AGAIN]),
        ('75 1', {}, 1, [FIRST, AGAIN]),
        ('75 75 75', {'MAX_REQUEUES': '1'}, 75, [FIRST, AGAIN]),
        ('75', {'SLURM_JOB_ID': '7'}, 75, [FIRST, 'scontrol requeue 7']),
        ('75', {'SLURM_JOB_ID': '7', 'SCONTROL': '1'}, 75, [FIRST, 'scontrol requeue 7']),
        ('75', {'SLURM_JOB_ID': '7', 'SLURM_RESTART_COUNT': '100'}, 75, [FIRST]),
    ],
)
def test_what_was_stopped_is_started_again(run, plan, variables, status, called):
    assert run(plan, **variables) == (status, called)


@pytest.mark.parametrize(('number', 'whole_group'), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_a_signal_to_the_script_is_handed_on_and_ends_it(start, tmp_path, number, whole_group):
    process = start('wait')
    while not (tmp_path / 'started').exists():
        time.sleep(0.02)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == 75
    called = (tmp_path / 'log').read_text().splitlines()
    assert [line.split()[0] for line in called] == ['srun', number.name.removeprefix('SIG')]
