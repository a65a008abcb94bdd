"""Read any XML file safely, in any encoding that Python knows; errors name the fault."""

import codecs
import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from src.errors import DataError
from src.files import read_regular

_MARKS = (  # byte order marks, the longest first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""")
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030"}  # what is declared as the older ones often has letters of the newer
_NO_ENCODINGS = frozenset(
    ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined")
)  # but codecs of Python


def read_xml(path: Path) -> Element:
    """The outer element of an XML file.

    Raises:
        DataError: it is no XML, not in its encoding, declares entities, or cannot be read.
    """
    try:
        return fromstring(_text(read_regular(path)).lstrip())  # a blank line before a declaration is an error otherwise
    except ParseError as error:
        raise DataError(str(path), [f"not valid XML: {error}"]) from None
    except DefusedXmlException as error:
        raise DataError(str(path), [f"refused, it declares entities or loads other files: {error}"]) from None
    except OSError as error:
        raise DataError(str(path), [f"cannot be read: {error.strerror or error}"]) from None
    except ValueError as error:
        raise DataError(str(path), [str(error)]) from None


def _text(data: bytes) -> str:
    """The text of a file in the encoding of its byte order mark, else of its declaration, else UTF-8.

    Raises:
        ValueError: with the remedy.
    """
    name = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    declared = _DECLARED.match(data)
    if name is None and declared:
        name = declared[1].decode("ascii").lower()
        name = _WIDER.get(name, name)
        if name.startswith(("utf-16", "utf-32")):  # untrue: the declaration itself was read as ASCII
            name = "utf-8"
    name = name or "utf-8"
    try:
        if codecs.lookup(name).name in _NO_ENCODINGS:
            raise LookupError(name)
        return data.decode(name)
    except LookupError:
        raise ValueError(f"its encoding {name!r} is not known; save it as UTF-8") from None
    except UnicodeDecodeError as error:
        name = "UTF-8" if name == "utf-8" else name
        raise ValueError(
            f"not {name} text (byte {error.start}); save it as UTF-8, and let its first line say so"
        ) from None
