"""Packaging: one distribution, `zato`, from several source roots that share the PEP 420 namespace `zato`.

Metadata is in pyproject.toml. Here is what it cannot say: which packages the roots hold, the version, and editable
installs that put the roots themselves on the path, so that new packages are seen without a reinstall.
"""

import runpy
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command import editable_wheel

HERE = Path(__file__).parent.resolve()
ROOTS = ('common', 'server', 'code', 'web-admin')

# A root that does not exist gives no packages, and Python skips it in the .pth file until it does.
package_dir = {
    f'zato.{name}': f'{root}/zato/{name.replace(".", "/")}'
    for root in ROOTS
    for name in find_packages(str(HERE / root / 'zato'))
}


class EditableWheel(editable_wheel.editable_wheel):
    """Writes one .pth file that names the roots.

    `_StaticPth` is private to setuptools. Without it setuptools' own import finder takes over, which works too,
    only that a new top-level package is seen after a reinstall.
    """

    def _select_strategy(self, name, tag, build_lib):
        static_pth = getattr(editable_wheel, '_StaticPth', None)
        if static_pth is None:
            return super()._select_strategy(name, tag, build_lib)
        return static_pth(self.distribution, f'{name}-{tag}', [HERE / root for root in ROOTS])


setup(
    version=runpy.run_path(str(HERE / 'common/zato/common/version.py'))['version'],
    packages=sorted(package_dir),
    package_dir=package_dir,
    package_data={
        '': [
            'py.typed',
            'templates/**/*',
            'static/**/*',
            '**/*.sql',
            '**/*.mako',
            '**/*.conf',
            '**/*.sh',
            '**/*.yaml',
            '**/*.html',
        ]
    },
    cmdclass={'editable_wheel': EditableWheel},
)
