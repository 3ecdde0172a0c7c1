"""How the gateway in front of ATMOS (WSO2 API Manager) says that it let nothing through."""

import re
from http import HTTPStatus
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator

_NO_SUCH_PATH = 900906
_TURNED_AWAY = range(900800, 901000)  # 9008xx throttled or blocked, 9009xx not allowed

# The whole body, or it is a page that shows a fault among other things.
_IN_XML = re.compile(
    r"""
    \s*(?:<\?xml[^>]*\?>\s*)?
    <(?P<ns>\w+):fault[^>]*>\s*
      <(?P=ns):code>(?P<code>\d+)</(?P=ns):code>\s*
      (?:<(?P=ns):type>[^<]*</(?P=ns):type>\s*)?
      <(?P=ns):message>(?P<message>[^<]*)</(?P=ns):message>\s*
      (?:<(?P=ns):description>(?P<description>[^<]*)</(?P=ns):description>\s*)?
      (?:<(?P=ns):\w+>[^<]*</(?P=ns):\w+>\s*)*
    </(?P=ns):fault>\s*
    """,
    re.VERBOSE | re.ASCII,
)


class Fault(BaseModel):
    """`<ams:fault>`, `{"fault": {…}}` or, of newer versions, its fields at the top.

    Only these fields are looked at. The page of another server may quote the request, and an
    SMS code may have the digits of a fault.
    """

    code: int
    message: str
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, said: Any) -> Any:
        return said.get("fault", said) if isinstance(said, dict) else said

    @classmethod
    def read(cls, body: bytes) -> Self | None:
        """Give the fault that `body` is, None where it is anything else."""
        in_xml = _IN_XML.fullmatch(body.decode(errors="replace"))
        try:
            if in_xml:
                return cls.model_validate(in_xml.groupdict(default=""))
            return cls.model_validate_json(body)
        except ValidationError:
            return None

    @property
    def turned_away(self) -> bool:
        return self.code in _TURNED_AWAY

    @property
    def no_such_path(self) -> bool:
        """Some versions have 404 as the code, and say so in words."""
        says = (self.message, self.description)
        in_words = any(text.startswith("No matching resource") for text in says)
        return self.code == _NO_SUCH_PATH or (self.code == HTTPStatus.NOT_FOUND and in_words)
