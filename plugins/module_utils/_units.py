# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Units of systemd that a boot starts: files and links, of the system or of the user who runs this. systemd reads them at the next boot."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd

# The file system has it only where systemd is the host's first process.
SYSTEMD = pathlib.Path("/run/systemd/system")
SYSTEM_UNITS = pathlib.Path("/etc/systemd/system")
_USER_UNITS = pathlib.Path(".config/systemd/user")


class BootUnits:
    """All methods raise OSError for a folder that cannot be written. Names are without `.service`."""

    def __init__(self) -> None:
        self.system = os.geteuid() == 0
        self.target = "multi-user.target" if self.system else "default.target"
        self.folder = SYSTEM_UNITS if self.system else pathlib.Path(pwd.getpwuid(os.geteuid()).pw_dir) / _USER_UNITS

    @staticmethod
    def there() -> bool:
        """Whether this host has systemd."""
        return SYSTEMD.is_dir()

    def enabled(self, name: str) -> bool:
        """Whether a boot starts it."""
        return os.path.lexists(str(self._link(name)))

    def put(self, name: str, text: str) -> None:
        """Writes the unit, and has a boot start it. Twice is once."""
        unit, link = self._unit(name), self._link(name)
        link.parent.mkdir(parents=True, exist_ok=True)
        new = unit.with_name(".%s.new" % unit.name)
        with open(str(new), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(str(new), str(unit))
        with contextlib.suppress(FileExistsError):
            os.symlink(str(unit), str(link))
        _sync(unit.parent)
        _sync(link.parent)

    def drop(self, name: str) -> None:
        """Removes both. Gone already is no error."""
        for path in (self._link(name), self._unit(name)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                _sync(path.parent)

    def _unit(self, name: str) -> pathlib.Path:
        return self.folder / (name + ".service")

    def _link(self, name: str) -> pathlib.Path:
        return self.folder / (self.target + ".wants") / (name + ".service")


def _sync(folder: pathlib.Path) -> None:
    """So that a power cut does not undo it."""
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
