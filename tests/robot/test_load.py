from __future__ import annotations

import pytest

from millstream.demo.quoter import Quoter
from millstream.errors import ConfigError, RobotError
from millstream.robot.load import check_robot, code_hash, load_robot, source_file

ROBOT = """
from millstream.robot import Robot

class Mine(Robot):
    def on_ticker(self, ticker):
        self.log.info("{said}")
"""


def write(tmp_path, said, name="mine"):
    path = tmp_path / f"{name}.py"
    path.write_text(ROBOT.format(said=said))
    return f"{path}:Mine"


def test_a_robot_loads_from_a_package():
    assert load_robot("millstream.demo.quoter:Quoter") is Quoter


def test_a_robot_loads_from_a_file(tmp_path):
    robot = load_robot(write(tmp_path, "hello"))
    assert robot.__name__ == "Mine"
    assert source_file(robot) == "mine.py"


@pytest.mark.parametrize(
    "path",
    ["millstream.demo.quoter", "millstream.demo.quoter:Nobody", "no.such:Thing", "a b:C",
     "/no/such/file.py:Mine", "decimal:Decimal"],
)  # fmt: skip
def test_what_is_no_robot_is_one_sentence(path):
    with pytest.raises(ConfigError, match="robot"):
        load_robot(path)


def test_a_broken_robot_file_is_said_with_its_error(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("class Mine(\n")
    with pytest.raises(ConfigError, match=r"cannot import .*broken\.py"):
        load_robot(f"{path}:Mine")


def test_a_robot_file_that_ends_the_program_is_said_with_what_it_raised(tmp_path):
    path = tmp_path / "script.py"
    path.write_text('raise SystemExit("nothing to do")')
    with pytest.raises(ConfigError, match=r"script\.py:Mine\": SystemExit: nothing to do"):
        load_robot(f"{path}:Mine")


def test_one_changed_line_changes_the_code_hash(tmp_path):
    before = code_hash(load_robot(write(tmp_path, "hello")))
    assert code_hash(load_robot(write(tmp_path, "hello"))) == before
    assert code_hash(load_robot(write(tmp_path, "hullo", "again"))) != before


@pytest.mark.parametrize("broken", ["raise KeyError(1)", "return None", "return [1]"])
def test_a_robot_that_cannot_name_its_other_files_is_refused_in_one_sentence(tmp_path, broken):
    path = tmp_path / "broken.py"
    path.write_text(f"""{ROBOT}
    @classmethod
    def other_files(cls, parameters):
        {broken}
""")
    robot = load_robot(f"{path}:Mine")
    for asks in (code_hash, check_robot):
        with pytest.raises(RobotError, match=r"Mine.other_files\(\) must answer names of files: "):
            asks(robot, robot.Parameters())


def test_a_robot_that_asks_for_the_time_is_refused_with_file_line_and_cure(tmp_path):
    path = tmp_path / "clocked.py"
    path.write_text(
        "import time\n" + ROBOT.format(said="x").replace("self.log", "time.time(); self.log")
    )
    with pytest.raises(RobotError, match=r"clocked\.py, line 7: time\.time\(\); self\.now is"):
        check_robot(load_robot(f"{path}:Mine"))


def test_a_robot_that_asks_nothing_passes():
    check_robot(Quoter)
