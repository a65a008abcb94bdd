"""XML in the encodings that labelling tools write, declared rightly, wrongly or not at all."""

import pytest

from src.data.formats.xml_file import read_xml
from src.errors import DataError

TEXT = "<annotation><name>口罩 ケース</name></annotation>"


def declaration(name: str) -> str:
    return f'<?xml version="1.0" encoding="{name}"?>'


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ("gb18030", "gb18030"),
        ("GB2312", "gbk"),
        ("gbk", "gbk"),
        ("Shift_JIS", "shift_jis"),
        ("UTF-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-8", "utf-16"),
        ("UTF-16", "utf-16"),
        ("utf-16", "utf-8"),
        ("", "utf-8"),
        ("", "utf-16"),
    ],
)
def test_what_can_be_decoded_is_read(tmp_path, declared, written):
    text = TEXT.replace("罩", "") if written == "shift_jis" else TEXT
    (tmp_path / "a.xml").write_bytes(((declaration(declared) if declared else "") + "\n" + text).encode(written))
    assert read_xml(tmp_path / "a.xml").findtext("name") == text[18:-20]


@pytest.mark.parametrize("declared", ["", "utf-8"])
def test_what_is_not_in_its_encoding_has_the_remedy_of_json(tmp_path, declared):
    head = declaration(declared) if declared else ""
    (tmp_path / "a.xml").write_bytes((head + TEXT).encode("gbk"))
    with pytest.raises(DataError) as error:
        read_xml(tmp_path / "a.xml")
    assert error.value.faults == (
        f"not UTF-8 text (byte {len(head) + 18}); save it as UTF-8, and let its first line say so",
    )


@pytest.mark.parametrize("declared", ["nonsense", "hex", "rot13", "idna", "undefined", "unicode_escape"])
def test_an_unknown_encoding_is_named(tmp_path, declared):
    (tmp_path / "a.xml").write_text(declaration(declared) + "<annotation/>")
    with pytest.raises(DataError) as error:
        read_xml(tmp_path / "a.xml")
    assert error.value.faults == (f"its encoding {declared!r} is not known; save it as UTF-8",)


def test_entities_are_refused_in_every_encoding(tmp_path):
    text = declaration("gbk") + '<!DOCTYPE a [<!ENTITY b "口">]><annotation>&b;</annotation>'
    (tmp_path / "a.xml").write_bytes(text.encode("gbk"))
    with pytest.raises(DataError, match="declares entities"):
        read_xml(tmp_path / "a.xml")
