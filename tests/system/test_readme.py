"""What the README says is so: its commands exist, its example runs, its links lead somewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

from minirelay.cli.main import COMMANDS
from minirelay.config_loading import file_layer, load
from tests.system.programs import environment, minirelay_dev

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_example_runs(tmp_path: Path) -> None:
    (program,) = blocks("python")
    with minirelay_dev() as relay:
        (tmp_path / "dev.json").write_text(json.dumps(dict(relay.ready)))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Hand Grinder now costs 0.042; root ")


def test_every_command_that_is_named_exists() -> None:
    named = set(
        re.findall(r"minirelay ([a-z]+)\b", " ".join(blocks("sh")) + " ".join(re.findall("`[^`]+`", README)))
    )
    assert named
    assert named <= set(COMMANDS)


def test_the_settings_file_is_one(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    file = tmp_path / "minirelay.toml"
    file.write_text(text)
    settings = load(file_layer(file))
    assert settings.base_url == "https://relay.example.org"
    settings.require_serving()


def test_ci_runs_the_command_of_the_readme() -> None:
    (command,) = [line for block in blocks("sh") for line in block.splitlines() if "tests/" in line]
    assert command in (ROOT / ".ci" / "run").read_text()


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
