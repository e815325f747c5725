"""`/v1/admin/cache`: what the cache does, and how to clear it."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, delete, get
from litestar.di import NamedDependency

from marquee.api.auth import Token
from marquee.api.cache import Cache
from marquee.api.live import Live
from marquee.api.operation import query_pairs
from marquee.api.responses import ADMIN_PROBLEMS, data_of
from marquee.engine.records import Records
from marquee.engine.state import renew_epoch
from marquee.reindex import audit
from marquee.reindex.health import CacheAnswer, ClearedAnswer, LayerTraffic
from marquee.search.request import IdRequest, parse

AdminRequest = Request[Any, Token, Any]


@get("/cache", operation_id="getCache", summary="Hit rates", responses=data_of(CacheAnswer) | ADMIN_PROBLEMS)
async def get_cache(
    request: AdminRequest, cache: NamedDependency[Cache], live: NamedDependency[Live]
) -> Response[Any]:
    """Return what the cache holds and how often it helped, in the process that answers."""
    parse(IdRequest, query_pairs(request.scope))
    traffic = [
        LayerTraffic(
            endpoint=endpoint,
            layer=layer,
            hits=each.hits,
            misses=each.misses,
            hit_rate=_rate(each.hits, each.hits + each.misses),
        )
        for (endpoint, layer), each in sorted(cache.traffic.items())
    ]
    asked = sum(each.hits + each.misses for each in traffic if each.layer == "memory")
    hits = sum(each.hits for each in traffic)
    return Response(
        CacheAnswer(
            enabled=cache.is_on,
            generation=live.generation,
            entries=cache.entries,
            used_bytes=cache.used_bytes,
            size_bytes=cache.size_bytes,
            redis=cache.redis_state,
            redis_errors=cache.redis_errors,
            hits=hits,
            misses=asked - hits,
            hit_rate=_rate(hits, asked),
            traffic=traffic,
        )
    )


@delete(
    "/cache",
    status_code=200,
    operation_id="clearCache",
    summary="Clear the cache of all processes",
    responses=data_of(ClearedAnswer) | ADMIN_PROBLEMS,
)
async def clear_cache(
    request: AdminRequest,
    cache: NamedDependency[Cache],
    live: NamedDependency[Live],
    records: NamedDependency[Records],
) -> Response[Any]:
    """Have every process forget its answers; also Redis."""
    parse(IdRequest, query_pairs(request.scope))
    entries = cache.forget()  # also where the engine is away, and the others cannot be told
    async with audit.record(records, "cache clear", request.auth.name):
        await renew_epoch(records)
        await live.refresh()
    cleared = await cache.clear_redis()
    return Response(ClearedAnswer(entries=entries, redis_cleared=cleared if cache.redis_state else None))


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
