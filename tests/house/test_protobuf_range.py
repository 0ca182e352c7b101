"""The wire schema loads on the oldest and on the newest protobuf that the manifest allows.

Runs on: pytest; installs protobuf into throw-away environments.
"""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUND_TRIP = """
from scriptapps.protocol import schema
slider = schema.Slider(min=1, type=schema.Slider.DATE, field=schema.Field(label="Heat"))
change = schema.Set(node=4, props=slider.SerializeToString())
message = schema.ServerMessage(batch=3, deltas=[schema.Delta(set=change)])
again = schema.ServerMessage.FromString(message.SerializeToString())
assert again == message
assert again.deltas[0].WhichOneof("change") == "set"
assert again.deltas[0].set.HasField("props") and not again.deltas[0].set.HasField("width")
assert schema.Slider.FromString(again.deltas[0].set.props) == slider
assert schema.Outcome.Name(schema.Outcome.FAILED) == "FAILED"
"""


def _range() -> tuple[str, str]:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    [wanted] = (line for line in dependencies if line.startswith("protobuf"))
    found = re.fullmatch(r"protobuf>=([\d.]+),<([\d.]+)", wanted)
    assert found, wanted
    return found[1], found[2]


@pytest.mark.slow
@pytest.mark.parametrize("end", ["oldest", "newest"])
def test_the_schema_loads_at_both_ends_of_the_range(end: str, tmp_path: Path) -> None:
    oldest, below = _range()
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = f"protobuf=={oldest}.*" if end == "oldest" else f"protobuf<{below}"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True)
    done = subprocess.run([python, "-c", ROUND_TRIP], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
