"""Installs the package ``fdkd``; its requirements stand in ``requirements/``."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
#: What stands beside the package in a checkout, and in ``fdkd/.mim`` of an installed copy, where ``mim`` looks for it.
BESIDE = ('configs', 'tools', 'model-index.yml')
#: What is left behind: an installed copy has no site to build.
UNUSED = shutil.ignore_patterns('__pycache__', 'docs')


class BuildWithConfigs(build_py):
    """Adds configs and tools to the package that is built; an editable install has them beside it."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        packaged = Path(self.build_lib) / 'fdkd' / '.mim'
        shutil.rmtree(packaged, ignore_errors=True)  # what an earlier build left, which may be gone by now
        packaged.mkdir(parents=True)
        for name in BESIDE:
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, packaged / name, ignore=UNUSED)
            else:
                shutil.copy2(HERE / name, packaged / name)


def requirements(name: str) -> list[str]:
    lines = (HERE / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


version: dict[str, str] = {}
exec((HERE / 'fdkd' / 'version.py').read_text(), version)

setup(
    name='fdkd',
    version=version['__version__'],
    description='Cross-modal knowledge distillation: train with two sensors, deploy with one',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license_expression='Apache-2.0',
    license_files=['LICENSE'],
    keywords='knowledge distillation, cross-modal, multimodal, segmentation, mmengine',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in range(10, 14)),
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    python_requires='>=3.10',
    packages=find_packages(include=['fdkd', 'fdkd.*']),
    package_data={'fdkd.report': ['templates/*']},
    install_requires=requirements('runtime'),
    extras_require={
        name: requirements(name) for name in ('benchmarks', 'docs', 'export', 'optional', 'tests', 'tracking')
    },
    entry_points={'console_scripts': ['fdkd = fdkd.commands:main']},
    cmdclass={'build_py': BuildWithConfigs},
)
