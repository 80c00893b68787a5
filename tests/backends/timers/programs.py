"""Small programs that behave like systemctl, loginctl and crontab, alone on PATH: no test meets this machine's own.

Files in their folder make them fail as the real ones do: `refuse`, `locked`, `nobus`.
"""

import shutil
from pathlib import Path

import pytest

_CRONTAB = """\
#!/bin/sh
table="{state}/table"
case "$1" in
-l) if [ -f "{state}/locked" ]; then echo "crontab: you are not allowed to use this program" >&2; exit 1; fi
    if [ ! -f "$table" ]; then echo "no crontab for tester" >&2; exit 1; fi
    cat "$table" ;;
-)  cat > "{state}/new"
    if [ -f "{state}/refuse" ]; then
      echo '"-":3: bad minute' >&2; echo "errors in crontab file, can't install." >&2; exit 1
    fi
    if [ -s "{state}/new" ] && [ "$(tail -c 1 "{state}/new" | wc -l)" -eq 0 ]; then
      echo "new crontab file is missing newline before EOF, can't install." >&2; exit 1
    fi
    mv "{state}/new" "$table" ;;
-r) rm "$table" ;;
*)  echo "usage: crontab" >&2; exit 1 ;;
esac
"""
_SYSTEMCTL = """\
#!/bin/sh
echo "$*" >> "{state}/calls"
[ "$1" = --user ] || exit 1
shift
if [ "$1" = show-environment ]; then
  if [ -f "{state}/nobus" ]; then echo "Failed to connect to bus: No medium found" >&2; exit 1; fi
  exit 0
fi
if [ -f "{state}/refuse" ] && [ "$1" != daemon-reload ]; then
  echo "Failed to $1 unit: Unit file is masked." >&2; exit 1
fi
case "$1" in
enable|restart) [ -f "{units}/$2" ] || {{ echo "Failed to $1 unit: Unit file $2 does not exist." >&2; exit 1; }} ;;
disable) [ -f "{units}/$3" ] || {{ echo "Failed to disable unit: Unit file $3 does not exist." >&2; exit 1; }} ;;
esac
"""
_LOGINCTL = """\
#!/bin/sh
if [ -f "{state}/linger" ]; then echo Linger=yes; else echo Linger=no; fi
"""


class Programs:
    """`state` is where the programs keep what they were told; `units` where systemd's units lie."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.units, self.bin = root / "state", root / "config" / "systemd" / "user", root / "bin"
        for folder in (self.state, self.bin):
            folder.mkdir()
        for tool in ("cat", "tail", "wc", "mv", "rm"):
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(root / "config"))

    def put(self, name: str) -> None:
        text = {"crontab": _CRONTAB, "systemctl": _SYSTEMCTL, "loginctl": _LOGINCTL}[name]
        program = self.bin / name
        program.write_text(text.format(state=self.state, units=self.units))
        program.chmod(0o755)

    def mark(self, name: str) -> None:
        (self.state / name).touch()

    @property
    def table(self) -> Path:
        return self.state / "table"

    @property
    def calls(self) -> list[str]:
        file = self.state / "calls"
        return file.read_text().splitlines() if file.exists() else []
