"""The rebuild's own process: the CPU-bound work never delays heartbeat, cancellation or API.

`python -m marquee.reindex.process` reads one `Order` as a line of JSON from standard input, and writes lines
of JSON to standard output: readings twice a second, then one `Result`. It ends its work when it is told to
(SIGTERM), and when standard input closes, which is when its parent has died, however that was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from marquee import logs
from marquee.catalog.sources import open_choice
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Records
from marquee.errors import (
    EngineUnavailableError,
    GateRefusedError,
    LeaseLostError,
    MarqueeError,
)
from marquee.redaction import REDACTION
from marquee.reindex.choice import read_choice
from marquee.reindex.job import JobRequest
from marquee.reindex.outcome import Outcome
from marquee.reindex.pipeline import Rebuild
from marquee.reindex.stages import Meter, Reading, StageFigures
from marquee.settings import Settings, decode_path

READ_EVERY_S = 0.5
# Cleaning up after a cancellation takes one call to the engine.
MAX_CLEAN_UP_S = 15.0


EndState = Literal["succeeded", "refused", "failed", "cancelled", "away", "lost"]
"""Lost: the lease; away: the engine."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, where, and under which lease."""

    settings: Settings
    endpoint: Endpoint
    fence: str
    job: str
    by: str
    request: JobRequest


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result"):
    """How it ended."""

    state: EndState
    reason: str = ""
    outcome: Outcome | None = None
    figures: tuple[StageFigures, ...] = ()


class Sign(msgspec.Struct, frozen=True, kw_only=True, tag="sign"):
    """A sign of life: how far it is."""

    reading: Reading
    ended: tuple[StageFigures, ...]
    """The stages that are done."""
    generation: str | None = None


Message = Result | Sign


def encode_order(order: Order) -> bytes:
    """Return an order as a line."""
    return msgspec.json.encode(order, enc_hook=_encode_path) + b"\n"


def _encode_path(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


class _Process:
    """The work of one order."""

    def __init__(self, order: Order, out: BinaryIO) -> None:
        self._order, self._out = order, out
        self._meter = Meter(dry_run=order.request.dry_run)
        self._generation: str | None = None

    async def run(self) -> Result:
        """Do the work, telling how far it is."""
        telling = asyncio.create_task(self._tell())
        try:
            async with Cluster(self._order.endpoint) as cluster:
                outcome = await self._rebuild(cluster)
            return self._end("succeeded", outcome.note, outcome)
        except asyncio.CancelledError:
            return self._end("cancelled")
        except LeaseLostError as error:
            return self._end("lost", str(error))
        except GateRefusedError as error:
            return self._end("refused", str(error))
        except EngineUnavailableError as error:
            return self._end("away", str(error))
        except MarqueeError as error:
            return self._end("failed", str(error))
        except OSError as error:  # a full disk, a folder that is none
            where = f": {error.filename}" if error.filename else ""
            return self._end("failed", f"{error.strerror or error}{where}")
        except Exception as error:
            logging.getLogger("marquee.reindex").exception("the reindex broke")
            return self._end("failed", f"{type(error).__name__}: {error}")
        finally:
            telling.cancel()

    async def _rebuild(self, cluster: Cluster) -> Outcome:
        order = self._order
        records = Records(cluster, order.settings.index_prefix)
        choice = await read_choice(cluster, order.settings.index_prefix, order.request)
        source = await open_choice(choice, order.settings, self._meter)
        rebuild = Rebuild(
            order.settings,
            records,
            order.fence,
            order.request,
            order.by,
            self._meter,
            job=order.job,
            on_created=self._note_generation,
        )
        return await rebuild.run(source)

    def _note_generation(self, generation: str) -> None:
        self._generation = generation

    def _end(
        self,
        state: EndState,
        reason: str = "",
        outcome: Outcome | None = None,
    ) -> Result:
        self._meter.finish()
        return Result(state=state, reason=reason, outcome=outcome, figures=tuple(self._meter.figures))

    async def _tell(self) -> None:
        while True:
            ended = tuple(self._meter.figures)
            self.write(Sign(reading=self._meter.read(), ended=ended, generation=self._generation))
            await asyncio.sleep(READ_EVERY_S)

    def write(self, message: Message) -> None:
        """Write a line to the parent; one that is gone needs none."""
        with contextlib.suppress(BrokenPipeError):
            self._out.write(msgspec.json.encode(message, enc_hook=_encode_path) + b"\n")
            self._out.flush()


async def _work(order: Order, out: BinaryIO) -> None:
    process = _Process(order, out)
    task = asyncio.create_task(process.run())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        task.cancel()
        loop.call_later(MAX_CLEAN_UP_S, os._exit, 1)

    loop.add_signal_handler(signal.SIGTERM, stop)
    # Ctrl-C reaches the whole group; the parent decides what becomes of the job.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    threading.Thread(target=_wait_for_end, args=(loop, stop), daemon=True).start()
    process.write(await task)


def _wait_for_end(loop: asyncio.AbstractEventLoop, stop: Any) -> None:
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(stop)


def main() -> None:
    """Do one order."""
    # What a library prints must not come between the messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    line = bytearray()
    while not line.endswith(b"\n"):  # byte by byte: what follows is not ours to buffer
        byte = os.read(0, 1)
        if not byte:
            sys.exit(1)
        line += byte
    order = msgspec.json.decode(bytes(line), type=Order, dec_hook=decode_path)
    logs.set_up(order.settings)
    REDACTION.hide(order.endpoint.password)
    asyncio.run(_work(order, out))


if __name__ == "__main__":
    main()
