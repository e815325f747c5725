"""A service elsewhere as whom to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from marquee.client import AsyncClient
from marquee.matching.asking import Matcher
from marquee.search.answer import MatchAnswer
from marquee.search.request import MatchRequest

# A service that restarts, or that others keep busy, is worth waiting for: nobody sits beside a long run.
TIMEOUT_S, RETRIES, MAX_WAIT_S = 120.0, 10, 30.0


class Service:
    """Answers matches by asking a client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def match(self, request: MatchRequest) -> MatchAnswer:
        """Find the bearers of up to 100 names; raises what `marquee.client.errors` has."""
        return await self._client.match(
            request.queries, min_score=request.min_score, candidates=request.candidates
        )


@asynccontextmanager
async def open_service(url: str, token: str) -> AsyncIterator[Matcher]:
    """Yield the service at `url`; raises SettingsError where that is no address."""
    async with AsyncClient(
        url, token=token or None, timeout_s=TIMEOUT_S, retries=RETRIES, max_retry_wait_s=MAX_WAIT_S
    ) as client:
        yield Service(client)
