import hashlib
import json

import pytest

from src.errors import UserError
from src.files import check_free, file_hash, write_json, write_text, write_whole


def test_json_is_readable_utf8_and_parents_are_made(tmp_path):
    path = tmp_path / "new" / "folder" / "a.json"
    write_json(path, {"name": "Maske_ä口"})
    assert "Maske_ä口" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Maske_ä口"}


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UserError, match="a.txt.*--overwrite"):
        write_text(path, "new")
    assert path.read_text() == "old"
    write_text(path, "new", overwrite=True)
    assert path.read_text() == "new"


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_whole(path, fail, overwrite=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_system_s_refusal_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / "file" / "below" / "a.txt", "x")


def test_check_free_refuses_folders_even_with_overwrite(tmp_path):
    check_free(tmp_path / "free", overwrite=False)
    with pytest.raises(UserError, match="folder"):
        check_free(tmp_path, overwrite=True)


def test_file_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(UserError, match="missing"):
        file_hash(tmp_path / "missing")
