import os

import pytest
from tests.journal.sample import contents, small_journal

from millstream.journal import seal as sealing
from millstream.journal.seal import Sealer, seal_segment


class Crash(BaseException):
    """The process ends here."""


def names(directory):
    return sorted(os.listdir(directory))


def test_a_sealed_journal_reads_the_same(tmp_path):
    small_journal(tmp_path)
    before = contents(tmp_path)
    seal_segment(tmp_path, 1)
    assert names(tmp_path) == ["000001.seal"]
    assert contents(tmp_path) == before


def test_sealing_again_changes_nothing(tmp_path):
    small_journal(tmp_path)
    seal_segment(tmp_path, 1)
    sealed = (tmp_path / "000001.seal").read_bytes()
    seal_segment(tmp_path, 1)
    assert (tmp_path / "000001.seal").read_bytes() == sealed


@pytest.mark.parametrize("step", ["_compress", "rename", "sync_directory", "unlink"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_crash_before_or_after_any_step_leaves_a_journal_that_reads_the_same(
    tmp_path, monkeypatch, step, before
):
    small_journal(tmp_path)
    whole = contents(tmp_path)
    owner = {"rename": os, "unlink": sealing.Path}.get(step, sealing)
    real = getattr(owner, step)

    def crashing(*args, **kwargs):
        if step == "unlink" and args[0].suffix == ".part":
            return  # a dead process tidies nothing up
        if not before:
            real(*args, **kwargs)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, crashing)
        if step != "unlink":
            patch.setattr(sealing.Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Crash):
            seal_segment(tmp_path, 1)
    assert contents(tmp_path) == whole
    seal_segment(tmp_path, 1)
    assert contents(tmp_path) == whole
    assert "000001.journal" not in names(tmp_path)


def test_a_seal_that_is_not_whole_is_passed_over_while_the_plain_one_is_there(tmp_path):
    small_journal(tmp_path)
    plain = (tmp_path / "000001.journal").read_bytes()
    whole = contents(tmp_path)
    seal_segment(tmp_path, 1)
    (tmp_path / "000001.journal").write_bytes(plain)
    with (tmp_path / "000001.seal").open("r+b") as file:
        file.truncate(100)
    assert contents(tmp_path) == whole
    seal_segment(tmp_path, 1)
    assert names(tmp_path) == ["000001.seal"]
    assert contents(tmp_path) == whole


def test_a_segment_that_cannot_be_sealed_stays_plain_and_says_why(tmp_path, caplog):
    def no_room(directory, number):
        raise OSError(28, "No space left on device")

    small_journal(tmp_path)
    sealer = Sealer(tmp_path, no_room)
    sealer.add(1)
    sealer.finish()
    assert "000001.journal stays plain" in caplog.text
    assert "No space left" in caplog.text
    assert names(tmp_path) == ["000001.journal"]


def test_a_sealer_goes_on_after_a_failure(tmp_path, caplog):
    small_journal(tmp_path)
    sealer = Sealer(tmp_path)
    sealer.add(7)
    sealer.add(1)
    sealer.finish()
    assert "000007" in caplog.text
    assert names(tmp_path) == ["000001.seal"]
