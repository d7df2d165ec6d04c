import pytest
from tests.journal.sample import MANIFEST

from millstream.errors import JournalError
from millstream.journal import Manifest
from millstream.model.tags import TAGS


def test_a_manifest_reads_as_it_was_written():
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_a_manifest_carries_the_table_of_tags_unless_told_otherwise():
    manifest = Manifest(
        run_id="r",
        started_ns=1,
        seed=1,
        millstream_version="0",
        python_version="3",
        platform="p",
    )
    assert manifest.tags == TAGS
    assert manifest.tags is not TAGS


def test_fields_that_a_later_version_added_are_passed_over():
    raw = MANIFEST.to_json()[:-1] + b',"mood":"bright"}'
    assert Manifest.from_json(raw) == MANIFEST


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'{"run_id":1}', b"\xff\xfe"])
def test_what_is_no_manifest_is_refused_in_one_sentence(raw):
    with pytest.raises(JournalError, match="manifest"):
        Manifest.from_json(raw)
