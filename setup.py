"""Installs the package ``fdkd``; its requirements stand in ``requirements/``."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements(name: str) -> list[str]:
    lines = (HERE / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


version: dict[str, str] = {}
exec((HERE / 'fdkd' / 'version.py').read_text(), version)

setup(
    name='fdkd',
    version=version['__version__'],
    description='Cross-modal knowledge distillation: train with two sensors, deploy with one',
    long_description=(HERE / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['fdkd', 'fdkd.*']),
    package_data={'fdkd.report': ['templates/*']},
    install_requires=requirements('runtime'),
    extras_require={name: requirements(name) for name in ('tests', 'docs', 'optional', 'benchmarks')},
)
