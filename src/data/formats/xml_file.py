"""Read any XML file safely; errors name the fault."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from src.errors import DataError
from src.files import read_regular


def read_xml(path: Path) -> Element:
    """The outer element of an XML file.

    Raises:
        DataError: it is no XML, declares entities, or cannot be read.
    """
    try:
        return fromstring(read_regular(path).lstrip())  # a blank line before an XML declaration is an error otherwise
    except ParseError as error:
        raise DataError(str(path), [f"not valid XML: {error}"]) from None
    except DefusedXmlException as error:
        raise DataError(str(path), [f"refused, it declares entities or loads other files: {error}"]) from None
    except (OSError, ValueError) as error:
        raise DataError(str(path), [f"cannot be read: {error}"]) from None
