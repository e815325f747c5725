"""The application: routes, their dependencies, and what is opened and closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License
from litestar.static_files import create_static_files_router

from marquee import __version__
from marquee.api import actors, admin, health, pages, problem_pages, problems, telemetry, titles
from marquee.api.access import Access
from marquee.api.admission import Admission
from marquee.api.answers import Answers
from marquee.api.auth import Tokens
from marquee.api.cache import Cache
from marquee.api.headers import Headers
from marquee.api.live import Live
from marquee.api.measures import Measures
from marquee.api.operation import list_methods
from marquee.api.rates import Rates
from marquee.api.reconciliation import v02, v1
from marquee.api.schema import DESCRIPTION, TAGS, TOKEN, DocumentPlugin
from marquee.api.shared import Shared
from marquee.api.shortcut import Shortcut
from marquee.api.vitals import Vitals
from marquee.breaker import Breaker
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Records
from marquee.errors import EngineUnavailableError, MarqueeError
from marquee.reindex.jobs import Jobs
from marquee.reindex.status import DataAge
from marquee.search.lookup import Lookup
from marquee.settings import Settings

MAX_URL_BYTES = 32 << 10
# Where the framework answers whatever else is asked for beneath the documentation, with a page of its own.
NO_DOCUMENT = "/schema/{path}"
# An engine that failed so often running is left alone for so long, and then tried by one request.
ENGINE_FAILURES, ENGINE_PAUSE_S = 5, 1.0


class _SwaggerPage(OpenAPIRenderPlugin):
    """The API's documentation from our own files: the framework's pages load theirs from a CDN."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        return (pages.STATIC / "swagger-ui" / "page.html").read_bytes()


async def refuse_odd_urls(request: Request[Any, Any, Any]) -> None:
    """Answer 414 to an URL that no honest client sends; the server itself gives up at 64 KB.

    And 404 to what no route of ours is, and to doubled and hidden slashes, which the framework overlooks: a
    proxy that keeps `/v1/admin` from the world must not let `//v1/admin` through.
    """
    path = request.scope["raw_path"]
    if len(path) + len(request.scope["query_string"]) > MAX_URL_BYTES:
        raise HTTPException(status_code=414, detail=f"the URL is longer than {MAX_URL_BYTES} bytes")
    if b"//" in path or b"%2f" in path.lower() or request.scope["path_template"] == NO_DOCUMENT:
        raise NotFoundException


async def answer_early(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Answer what needs no handler of ours."""
    await refuse_odd_urls(request)
    if request.method != "OPTIONS":
        return None
    # Of a path with several methods, the framework's own answer names those of its first handler alone.
    template = request.scope["path_template"]
    methods = next((route.methods for route in request.app.routes if route.path_format == template), None)
    return Response(None, status_code=204, headers={"Allow": list_methods(methods)}) if methods else None


def create_app(settings: Settings, endpoint: Endpoint) -> Litestar:
    """Build the service for one engine; it connects when it starts and needs no engine to start.

    Its `state.closing` is to be set when it is about to end: what streams ends then. `state.measures` are its
    metrics, for who observes it. Its `state.shortcut` is the application with a short way to what is asked
    most.

    Raises:
        SettingsError: the tokens, the rate limit, Redis or the origins cannot be used.
    """
    shared = Shared(settings.redis_url) if settings.redis_url else None
    rates = Rates(settings, shared)
    access = Access(settings, Tokens(settings), rates)
    headers = Headers(settings.cors_origins)
    breaker = Breaker(
        (EngineUnavailableError,),
        threshold=ENGINE_FAILURES,
        pause_s=ENGINE_PAUSE_S,
        refusal=lambda: EngineUnavailableError("Elasticsearch was away a moment ago and is left alone"),
    )
    cluster = Cluster(endpoint, breaker)
    lookup = Lookup(cluster, settings.index_prefix)
    # Apart, since its calls are light: that they succeed says nothing of searches that all take too long, and
    # the breaker would begin to count anew every second.
    watched = Cluster(endpoint)
    live = Live(watched, settings.index_prefix, shared)
    cache = Cache(settings, shared)
    measures = Measures()
    admission = Admission(settings.concurrency)
    measures.registry.register(Vitals(cache, breaker, admission, cluster))
    answers = Answers(
        lookup,
        cache,
        live,
        admission,
        DataAge(cluster, settings.index_prefix),
        is_public=settings.public,
    )
    figures = telemetry.Figures(cluster, settings.index_prefix, measures.registry)
    records = Records(cluster, settings.index_prefix)
    requested = Jobs(records)
    looks = health.Looks(cluster, lookup, live, settings.index_prefix)
    closing = asyncio.Event()

    @asynccontextmanager
    async def run_beside(_: Litestar) -> AsyncGenerator[None]:
        watching = [asyncio.create_task(each) for each in (live.watch(), measures.watch_loop())]
        async with cluster, watched:
            if shared is not None:
                await shared.open()
            try:
                yield
            finally:
                for each in watching:
                    each.cancel()
                await asyncio.wait(watching)
                cache.close()
                if shared is not None:
                    await shared.close()

    app = Litestar(
        route_handlers=[
            *pages.PAGES,
            health.live,
            health.ready,
            telemetry.metrics,
            problem_pages.get_problem,
            Router(
                path="/",
                route_handlers=[
                    actors.search_actors,
                    actors.suggest_actors,
                    actors.match_actors,
                    actors.get_actor,
                    actors.get_credits,
                    titles.search_titles,
                    titles.get_title,
                    titles.get_cast,
                    health.status,
                    v02.serve,
                    v02.reconcile,
                    v02.suggest_entity,
                    v02.suggest_property,
                    v02.suggest_type,
                    v02.propose,
                    v02.preview,
                    v1.serve,
                    v1.match,
                    v1.extend,
                    v1.suggest_entity,
                    v1.suggest_property,
                    v1.suggest_type,
                    v1.propose,
                    v1.preview,
                ],
                middleware=[access.admit_readers()],
                security=access.reading_security,
            ),
            admin.administer(access),
            create_static_files_router(
                path="/static",
                directories=[pages.STATIC],
                include_in_schema=False,
                exception_handlers={
                    HTTPException: problems.respond_to_missing_file,
                    ValueError: problems.respond_to_missing_file,
                },
            ),
        ],
        dependencies={
            "cluster": Provide(lambda: cluster, sync_to_thread=False),
            "cache": Provide(lambda: cache, sync_to_thread=False),
            "live": Provide(lambda: live, sync_to_thread=False),
            "access": Provide(lambda: access, sync_to_thread=False),
            "answers": Provide(lambda: answers, sync_to_thread=False),
            "figures": Provide(lambda: figures, sync_to_thread=False),
            "closing": Provide(lambda: closing, sync_to_thread=False),
            "jobs": Provide(lambda: requested, sync_to_thread=False),
            "records": Provide(lambda: records, sync_to_thread=False),
            "looks": Provide(lambda: looks, sync_to_thread=False),
            "lookup": Provide(lambda: lookup, sync_to_thread=False),
            "settings": Provide(lambda: settings, sync_to_thread=False),
        },
        exception_handlers={
            MarqueeError: problems.respond_to_error,
            HTTPException: problems.respond_to_http,
            Exception: problems.respond_to_unexpected,
        },
        before_request=answer_early,
        before_send=[headers.add],
        lifespan=[run_beside],
        state=State({"closing": closing, "measures": measures}),
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Marquee",
            version=__version__,
            description=DESCRIPTION,
            tags=TAGS,
            components=Components(security_schemes={"token": TOKEN}),
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            path="/schema",
            render_plugins=[_SwaggerPage(path="/docs"), DocumentPlugin()],
            use_handler_docstrings=True,
        ),
    )
    app.state.shortcut = Shortcut(app, answers, access, headers, actors.READINGS)
    return app
