"""Which generation is live, as this process knows it: asked for all the time, so that no request need ask.

Redis, where there is one, keeps it as well: a process that starts while the engine is away then finds the
answers that others have cached.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import cast

import msgspec

from marquee.api.shared import Shared
from marquee.engine.cluster import Cluster
from marquee.engine.state import State, check_readable, read_state
from marquee.errors import EngineError

# A swap shows in every process after at most that long. One such request took the engine .5 ms.
POLL_EVERY_S = 0.25
# What was not confirmed for so long may have been replaced since: answers from the cache say that they are
# stale then. Longer than a pause of this process or the engine's garbage collector.
CONFIRMED_FOR_S = 2.0
# While it waits for an engine, a line now and then says so.
SAY_EVERY_S = 30.0
# Nobody waits for it.
REDIS_TIMEOUT_S = 0.25
# Redis may have lost it, in a restart or as what was least used.
TELL_REDIS_EVERY_S = 60.0

_log = logging.getLogger("marquee.api")


class Live:
    """The live generation, watched. Use `watch` as a task beside the service."""

    def __init__(self, cluster: Cluster, prefix: str, shared: Shared | None = None) -> None:
        self._cluster, self._prefix, self._shared = cluster, prefix, shared
        self._state = State(None, "")
        self._confirmed_at = float("-inf")
        self._trouble = ""
        self._said_at = float("-inf")
        self._told_redis_at = float("-inf")

    @property
    def generation(self) -> str | None:
        """The generation that was live when the engine last answered; None where there was none."""
        return self._state.generation

    @property
    def epoch(self) -> str:
        """The present epoch of the cache."""
        return self._state.epoch

    @property
    def is_confirmed(self) -> bool:
        """Whether the engine said so just now."""
        return time.monotonic() - self._confirmed_at < CONFIRMED_FOR_S

    async def refresh(self) -> None:
        """Ask the engine now; raises EngineError."""
        state = await read_state(self._cluster, self._prefix)
        if state.generation != self._state.generation:
            _log.info("live generation: %s", state.generation or "none")
        if state != self._state:
            self._told_redis_at = float("-inf")
        self._state, self._confirmed_at = state, time.monotonic()
        if self._shared is not None and self._confirmed_at - self._told_redis_at > TELL_REDIS_EVERY_S:
            redis, packed = self._shared.redis, msgspec.msgpack.encode(state)
            if await self._shared.ask(lambda: redis.set(self._name, packed), REDIS_TIMEOUT_S):
                self._told_redis_at = time.monotonic()

    def check_readable(self) -> None:
        """Raise EngineNotReadyError where what is live was built for another release of Marquee."""
        if self._state.generation:
            check_readable(self._state.generation)

    async def watch(self) -> None:
        """Ask all the time, until cancelled; say what one has to wait for."""
        while True:
            try:
                await self.refresh()
                self.check_readable()
            except EngineError as error:
                self._say(str(error))
                if self._state.generation is None and self._shared is not None:
                    await self._recall(self._shared)
            except Exception:
                _log.exception("a bug in the watch of the live generation")
            else:
                missing = "" if self._state.generation else "no generation is live yet: run `marquee reindex`"
                self._say(missing)
            await asyncio.sleep(POLL_EVERY_S)

    @property
    def _name(self) -> str:
        return f"marquee:{self._prefix}:live"

    async def _recall(self, shared: Shared) -> None:
        """Take over what was live when another process asked the engine last; nothing confirms that."""
        packed = await shared.ask(lambda: shared.redis.get(self._name), REDIS_TIMEOUT_S)
        if packed is None:
            return
        try:
            self._state = msgspec.msgpack.decode(cast(bytes, packed), type=State)
        except msgspec.DecodeError:
            _log.warning("Redis holds something else than Marquee's where the live generation should be")

    def _say(self, trouble: str) -> None:
        """Log a trouble when it begins, every SAY_EVERY_S, and when it is over."""
        if not trouble and self._trouble:
            _log.warning("answering again")
        elif trouble and (not self._trouble or time.monotonic() - self._said_at > SAY_EVERY_S):
            self._said_at = time.monotonic()
            _log.warning("waiting: %s", trouble)
        self._trouble = trouble
