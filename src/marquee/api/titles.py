"""`/v1/titles`: content metadata."""

from __future__ import annotations

import time
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import Parameter

from marquee.api.answers import respond
from marquee.api.operation import query_pairs
from marquee.api.responses import NOT_FOUND, PROBLEMS, data_of
from marquee.search.lookup import Lookup, TitleAnswer
from marquee.search.request import IdRequest, check_id, parse


@get(
    "/v1/titles/{tconst:str}",
    operation_id="getTitle",
    summary="A title",
    tags=["titles"],
    responses=data_of(TitleAnswer) | PROBLEMS | NOT_FOUND,
)
async def get_title(
    request: Request[Any, Any, Any],
    lookup: Lookup,
    tconst: Annotated[str, Parameter(description="IMDb's id of the title, `tt0246578` say.")],
) -> Response[Any]:
    """Return a title by id."""
    started = time.perf_counter()
    parse(IdRequest, query_pairs(request))
    return respond(request, await lookup.find_title(check_id("tconst", tconst)), started)
