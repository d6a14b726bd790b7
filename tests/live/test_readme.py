"""Every command and every playbook in the README is run; a new one has to be placed here."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live.stack import LiveStack

pytestmark = [pytest.mark.live, pytest.mark.ray]
ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "127.0.0.1:8000"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def _commands() -> list[str]:
    lines = [line.split("  #")[0].strip() for block in _blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("command", _commands())
def test_a_command_of_the_readme_does_what_it_says(command: str, stack: LiveStack) -> None:
    words = shlex.split(command)
    match words:
        case ["make", target]:
            recipes = subprocess.run(
                ["make", "--dry-run", "--always-make", target],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            runs = {
                "demo": "selfright demo",
                "test": "-m pytest",
                "laws": "SELFRIGHT_EXAMPLES=2000",
            }
            assert runs[target] in recipes
        case ["selfright", "up"]:
            assert "ready: POST" in stack.said()
        case ["selfright", *arguments]:
            stack.must(*arguments)
        case ["curl", *_]:
            if shutil.which("curl") is None:
                pytest.skip("curl is not on this machine")
            ends = stack.settings.endpoints
            here = command.replace(ADDRESS, f"{ends.http_host}:{ends.http_port}")
            done = subprocess.run(shlex.split(here), capture_output=True, text=True, check=True)
            assert done.stdout.startswith("{"), done.stdout
        case _:
            pytest.fail(f"nothing here runs {command!r}")


def test_the_playbook_of_the_readme_passes_the_check(stack: LiveStack, tmp_path: Path) -> None:
    (text,) = [block for block in _blocks("yaml") if "\nplaybook:" in block]
    path = tmp_path / "readme.yaml"
    path.write_text(text, encoding="utf-8")
    assert "no findings" in stack.must("playbooks", "check", str(path))


def test_the_scenario_of_the_readme_is_as_expected(stack: LiveStack, tmp_path: Path) -> None:
    (text,) = [block for block in _blocks("yaml") if "\nscenario:" in block]
    path = tmp_path / "slow-and-crashed.yaml"
    path.write_text(text, encoding="utf-8")
    assert "✓ recovers" in stack.must("simulate", str(path))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_a_link_of_the_readme_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
