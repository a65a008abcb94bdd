import pytest

from src.data.formats.voc import VocObject, pair_files, read_voc
from src.errors import DataError, UserError

OBJECT = (
    "<object><name> mask </name><bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>"
)
SIZE = "<size><width>20</width><height>10</height><depth>3</depth></size>"


def test_boxes_names_and_size_with_stray_text_and_nested_parts(tmp_path):
    part = OBJECT.replace("</object>", "<part><name>eye</name><bndbox><xmin>9</xmin></bndbox></part></object>")
    text = f'\n<?xml version="1.0"?><annotation>stray<filename>a.png</filename>{SIZE}{OBJECT}file:/x{part}</annotation>'
    (tmp_path / "a.xml").write_text(text)
    voc = read_voc(tmp_path / "a.xml")
    assert voc.file_name == "a.png" and voc.size == (20, 10)
    assert voc.objects == (VocObject("mask", (1, 2.5, 3, 4)),) * 2


@pytest.mark.parametrize("size", ["", SIZE.replace("20", "0")])
def test_an_unknown_size_is_none(tmp_path, size):
    (tmp_path / "a.xml").write_text(f"<annotation>{size}</annotation>")
    assert read_voc(tmp_path / "a.xml").size is None


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "not valid XML"),
        ("<annotation><object></annotation>", "not valid XML: mismatched tag"),
        ("<html></html>", "expected <annotation> as the outer element, found <html>"),
        (f"<annotation>{OBJECT}{OBJECT.replace('mask', '')}</annotation>", "object 2: no <name>"),
        (f"<annotation>{OBJECT.replace('xmax', 'xmx')}</annotation>", "object 1: no <bndbox/xmax>"),
        (
            f"<annotation>{OBJECT.replace('2.5', '2,5')}</annotation>",
            "object 1: <bndbox/ymin> must be a number, found '2,5'",
        ),
        (
            f"<annotation>{OBJECT.replace('2.5', 'nan')}</annotation>",
            "object 1: <bndbox/ymin> must be a number, found 'nan'",
        ),
        (f"<annotation>{SIZE.replace('20', 'wide')}</annotation>", "<size/width> must be a number, found 'wide'"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "refused, it declares entities"),
    ],
)
def test_broken_xml(tmp_path, text, words):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError) as error:
        read_voc(tmp_path / "a.xml")
    assert words in error.value.faults[0]


def test_all_faults_of_a_file_come_together(tmp_path):
    (tmp_path / "a.xml").write_text(
        f"<annotation>{OBJECT.replace('mask', '')}{OBJECT.replace('xmin', 'x')}</annotation>"
    )
    with pytest.raises(DataError) as error:
        read_voc(tmp_path / "a.xml")
    assert len(error.value.faults) == 2


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_files_are_paired_by_sub_folder_and_stem(tmp_path):
    touch(tmp_path / "images", "b/1.x.JPG", "a/1.png", "ä.webp", "readme.txt", ".trash.png")
    touch(tmp_path / "annotations", "a/1.xml", "b/1.x.XML", "ä.xml", "._a.xml")
    assert pair_files(tmp_path) == [("a/1.png", "a/1.xml"), ("b/1.x.JPG", "b/1.x.XML"), ("ä.webp", "ä.xml")]


def test_unpaired_files_are_reported_together(tmp_path):
    touch(tmp_path / "images", "a.png", "b.png", "b.jpg", "c/1.png")
    touch(tmp_path / "annotations", "b.xml", "1.xml")
    with pytest.raises(DataError) as error:
        pair_files(tmp_path)
    assert [fault.split()[0] for fault in error.value.faults] == [
        "images/b.jpg",
        "2",
        "annotations/1.xml",
    ]
    assert "such as a.png, c/1.png; pass --some_unlabelled" in error.value.faults[1]


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(UserError, match="images: no such folder"):
        pair_files(tmp_path)
    touch(tmp_path / "images", "a.png")
    with pytest.raises(UserError, match="annotations: no such folder"):
        pair_files(tmp_path)
    touch(tmp_path / "annotations", "a.txt")
    with pytest.raises(UserError, match="no XML files"):
        pair_files(tmp_path)
