from __future__ import annotations

import signal
import sys

import pytest

from millstream.errors import ConfigError
from millstream.service.load import find_service

MM = "from millstream import ServiceBase\n\nclass MM(ServiceBase):\n    pass\n"


@pytest.fixture(autouse=True)
def path_and_modules_as_they_were(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def found(class_name, folder, modules=()):
    return find_service(class_name, modules, folder, "here").__name__


def refusal(class_name, folder, modules=()):
    with pytest.raises(ConfigError, match=r"^here: ") as caught:
        find_service(class_name, modules, folder, "here")
    return str(caught.value)


def test_a_class_is_found_by_its_name_in_the_files_beside_the_configuration(tmp_path):
    (tmp_path / "other.py").write_text("raise SystemError('not imported')\n")
    (tmp_path / "strategy_1.py").write_text(MM)
    assert found("MM", tmp_path) == "MM"


def test_a_class_is_found_in_a_named_file_or_module(tmp_path):
    (tmp_path / "strategy_2.py").write_text(MM)
    assert found("strategy_2.py:MM", tmp_path) == "MM"
    assert found("strategy_2:MM", tmp_path) == "MM"
    assert found("MM", tmp_path, ["strategy_2.py"]) == "MM"


def test_a_file_named_as_a_library_of_python_leaves_that_alone(tmp_path):
    (tmp_path / "signal.py").write_text(MM)
    assert found("signal.py:MM", tmp_path) == "MM"
    assert sys.modules["signal"] is signal


def test_a_class_that_two_files_have_is_asked_for(tmp_path):
    (tmp_path / "a.py").write_text(MM)
    (tmp_path / "b.py").write_text(MM)
    assert '"MM" is in a.py, b.py; say which: "a.py:MM"' in refusal("MM", tmp_path)


def test_what_is_not_there_is_told_with_what_may_have_been_meant(tmp_path):
    (tmp_path / "strategy_3.py").write_text(MM.replace("MM", "Maker"))
    assert 'Did you mean "Maker"?' in refusal("Makers", tmp_path)
    assert 'Did you mean "Maker"?' in refusal("strategy_3.py:Makers", tmp_path)
    assert "no service class" in refusal("strategy_3.py:ServiceBase", tmp_path)


def test_a_file_that_fails_while_it_is_imported_says_how_and_can_be_tried_again(tmp_path):
    path = tmp_path / "strategy_4.py"
    path.write_text("1 / 0\n")
    assert 'cannot import "strategy_4.py": ZeroDivisionError' in refusal(
        "strategy_4.py:MM", tmp_path
    )
    path.write_text(MM)
    assert found("strategy_4.py:MM", tmp_path) == "MM"
