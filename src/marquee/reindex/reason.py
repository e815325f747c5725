"""Why somebody does something, as it goes into the audit log: one definition for API and command line."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from marquee.errors import RequestError
from marquee.search.parsing import describe_violation

Reason = Annotated[
    str,
    # It is printed on terminals: no control characters but tab and newline.
    Meta(
        max_length=500,
        pattern="^[^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]*$",
        description="Why; goes into the audit log.",
    ),
]


def check_reason(text: str, parameter: str = "reason") -> str:
    """Return a reason that did not come as JSON.

    Raises:
        RequestError: it is too long, or holds what a terminal must not print; names `parameter`.
    """
    try:
        text.encode()  # an argument that is no UTF-8 is no text that could be written down
        return msgspec.convert(text, Reason)
    except UnicodeEncodeError as error:
        raise RequestError({parameter: "is not UTF-8"}) from error
    except msgspec.ValidationError as error:
        raise RequestError({parameter: describe_violation(error)}) from error


def demand_reason(text: str) -> None:
    """Refuse force of which nobody says why.

    Raises:
        RequestError: there is no reason.
    """
    if not text.strip():
        raise RequestError({"reason": "is needed with force: say why"})
