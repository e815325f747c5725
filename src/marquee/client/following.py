"""A job followed by its server-sent events: what comes is read, also where a stream is begun anew. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from marquee.client.call import Call, segment
from marquee.client.errors import ConnectionLostError, NotUnderstoodError
from marquee.client.tolerance import tolerate
from marquee.reindex.job import Job

MAX_EVENT_BYTES = 16 << 20
"""A job with all its figures is a thousandth of it."""


class Following:
    """What is known of a job while it is followed."""

    def __init__(self, job_id: str) -> None:
        path = f"/v1/admin/jobs/{segment(job_id)}/events"
        self.call = Call("GET", path, Job, headers={"Accept": "text/event-stream"}, is_repeatable=True)
        self.job: Job | None = None
        """As it was told last."""
        self._left = b""
        self._data: list[bytes] = []

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.job is not None and self.job.has_ended

    def check_end(self) -> None:
        """Raise ConnectionLostError where the stream is over and the job is not."""
        if not self.has_ended:
            raise ConnectionLostError("the events of the job broke off before it had ended")

    def begin(self) -> None:
        """Forget the half of an event that an earlier stream broke off in."""
        self._left, self._data = b"", []

    def feed(self, chunk: bytes) -> Iterator[Job]:
        """Yield the job as often as it has changed; raises NotUnderstoodError where none is told."""
        *lines, self._left = (self._left + chunk).split(b"\n")
        if len(self._left) > MAX_EVENT_BYTES:
            raise NotUnderstoodError("what is followed sends no events of a job")
        for line in lines:
            if self.has_ended:
                return
            name, _, value = line.rstrip(b"\r").partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not name and not value and self._data:  # an empty line ends an event; ": …" is a comment
                job = _read(b"\n".join(self._data))
                self._data = []
                if job != self.job:  # a stream begun anew tells first what was told before
                    self.job = job
                    yield job


def _read(data: bytes) -> Job:
    try:
        return msgspec.json.decode(data, type=tolerate(Job))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotUnderstoodError(f"what is followed sends no events of a job ({error})") from error
