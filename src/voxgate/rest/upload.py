"""Files that clients send in a form."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from voxgate.errors import InvalidRequest
from voxgate.rest.door import bounded

MAX_FIELDS = 20
"""Of a form, beside its one file."""
_OVERHEAD_BYTES = 64 * 1024
"""What a form may have beside the file: fields, boundaries, headers of parts."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form with one file.

    Attributes:
        file: large ones lie on the disk, without a name, until the form is left.
        fields: the others, by name.
    """

    file: UploadFile
    fields: dict[str, str]


def is_form(request: Request) -> bool:
    """Tell whether a body says of itself that it is a form with files."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "multipart/form-data"


class _Parser(MultiPartParser):
    """Starlette's parser, which alone would take a form that ends too soon, and leave its file open."""

    def __init__(self, request: Request, parts: AsyncGenerator[bytes, None]) -> None:
        super().__init__(request.headers, self._to_the_end(parts), max_files=1, max_fields=MAX_FIELDS)
        self._complete = False

    def on_end(self) -> None:
        """Note that the last boundary has come."""
        self._complete = True

    async def _to_the_end(self, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for part in parts:
            yield part
        if not self._complete:
            raise MultiPartException("it ends too soon")


@asynccontextmanager
async def read_form(request: Request, max_file_bytes: int, name: str = "file") -> AsyncIterator[Form]:
    """Read a ``multipart/form-data`` body, and let go of its file at the block's end.

    Args:
        request: whose body was not read yet.
        max_file_bytes: of the file.
        name: of the field with the file.

    Raises:
        InvalidRequest: it is no form, has no file, or its file is too large.
        BadBody: it is too large altogether, or does not come in time.
    """
    if not is_form(request):
        raise InvalidRequest(f"Send multipart/form-data with a file in the field {name}", field=name)
    try:
        async with aclosing(bounded(request, max_file_bytes + _OVERHEAD_BYTES)) as parts:
            form = await _Parser(request, parts).parse()
    except MultiPartException as error:
        raise InvalidRequest(f"The form cannot be read: {error.message}", field=name) from None
    try:
        file = form.get(name)
        if not isinstance(file, UploadFile):
            raise InvalidRequest(f"The form needs a file in the field {name}", field=name)
        if (file.size or 0) > max_file_bytes:
            raise InvalidRequest(f"The file has more than {max_file_bytes} bytes", field=name)
        fields = {key: value for key, value in form.items() if isinstance(value, str)}
        yield Form(file, fields)
    finally:
        await form.close()
