"""Bringing the node up and down. Every function here wants the caller to hold `layout.lock`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid

import httpx
import msgspec

from marquee.engine.node.account import choose_account
from marquee.engine.node.config import (
    USERNAME,
    choose_heap_mb,
    measure_memory,
    read_password,
    write_config,
)
from marquee.engine.node.layout import ENGINE_VERSION, Layout
from marquee.engine.node.locks import forget_dead_users, list_users
from marquee.engine.node.log import summarize_failure
from marquee.engine.node.process import find_strays
from marquee.engine.node.provision import (
    RESERVE_MB,
    check_space,
    explain_disk_errors,
    locate_runtime,
    provision,
)
from marquee.engine.node.state import Launch, State, read_state, write_state
from marquee.errors import NodeStartError
from marquee.progress import Progress

# Boots in 7 to 10 s on two idle cores, 45 s were seen on two busy ones.
BOOT_TIMEOUT_S = 180.0
# A node that runs already answers within this, or hangs.
_JOIN_TIMEOUT_S = 60.0
# The supervisor only has to import itself.
_SUPERVISOR_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 45.0
_POLL_S = 0.1


def ensure_running(layout: Layout, progress: Progress, heap_mb: int | None) -> State:
    """Join the running node or start one; return its state once it answers.

    Raises:
        ProvisionError: it cannot be installed, or its disk is full.
        NodeStartError: it does not come up.
    """
    state = read_state(layout)
    if state.supervisor is not None and state.supervisor.is_alive() and _may_join(layout, state):
        if state.phase == "starting":
            progress.start("wait for Elasticsearch")
        try:
            timeout_s = BOOT_TIMEOUT_S if state.phase == "starting" else _JOIN_TIMEOUT_S
            return _await_ready(layout, state.launch, timeout_s)
        except NodeStartError:
            pass  # It hangs, or ended at this very moment: begin again.
        finally:
            progress.finish()
    # `node start` outlives a restart of ours, but not one of the machine. What still runs is no measure: the
    # server of a killed supervisor is there for a moment or not, by chance.
    started = state.supervisor is not None and state.supervisor.is_of_this_boot()
    kept = started and layout.kept.exists()
    end(layout)
    state = _start(layout, progress, heap_mb)
    if kept:
        layout.kept.touch()
    return state


def _may_join(layout: Layout, state: State) -> bool:
    """Tell whether the running node will do; one of another Marquee version is replaced if nobody uses it."""
    if state.runtime == str(locate_runtime(layout).folder):
        return True
    others = [pid for pid in list_users(layout) if pid != os.getpid()]
    if others and state.version != ENGINE_VERSION:
        raise NodeStartError(
            f"an Elasticsearch {state.version} of another Marquee version runs in {layout.root} and is used "
            f"by process {others[0]}; this version needs {ENGINE_VERSION}. End that process, or set "
            "MARQUEE_HOME to another folder"
        )
    return bool(others)


def _start(layout: Layout, progress: Progress, heap_mb: int | None) -> State:
    forget_dead_users(layout)
    runtime = provision(layout, progress)
    progress.start("start Elasticsearch")
    try:
        with explain_disk_errors(layout.root, RESERVE_MB):
            check_space(layout.root, RESERVE_MB)
            layout.instance.mkdir(exist_ok=True)
            layout.instance.chmod(0o755)
            heap_mb = heap_mb or choose_heap_mb(measure_memory())
            account = choose_account(layout.instance)
            write_config(layout, account, heap_mb=heap_mb, password=read_password(layout))
            launch = Launch(
                identity=uuid.uuid4().hex,
                home=str(layout.home),
                runtime=str(runtime.folder),
                heap_mb=heap_mb,
                port=read_state(layout).port,
                uid=account.uid,
                gid=account.gid,
                prefix=account.prefix,
            )
            _spawn(layout, launch)
        try:
            return _await_ready(layout, launch.identity, BOOT_TIMEOUT_S)
        except BaseException:
            # Ctrl-C as well: whoever asked does not want it any more.
            end(layout)
            raise
    finally:
        progress.finish()


def _spawn(layout: Layout, launch: Launch) -> None:
    """Start the supervisor; returns when it has detached itself."""
    with layout.supervisor_log.open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "marquee.engine.node.supervisor", msgspec.json.encode(launch).decode()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C in this terminal is for us, not for the node others use as well.
            start_new_session=True,
            # Not the user's folder: that could hold modules of our names, and could not be unmounted.
            cwd=layout.root,
            check=False,
        )
    if done.returncode:
        raise NodeStartError(summarize_failure(layout, "the supervisor of the node does not run"))


def _await_ready(layout: Layout, launch: str, timeout_s: float) -> State:
    """Wait until the server of this launch answers, and has its indexes open."""
    began = time.monotonic()
    auth = (USERNAME, read_password(layout))
    # No proxy of the environment: this goes to ourselves.
    with httpx.Client(auth=auth, timeout=5.0, trust_env=False) as client:
        while True:
            state = read_state(layout)
            waited = time.monotonic() - began
            problem = ""
            if state.launch != launch:
                if waited > _SUPERVISOR_TIMEOUT_S:
                    problem = "the supervisor of the node gives no sign of life"
            elif state.phase in ("failed", "stopped"):
                problem = f"Elasticsearch did not start: {state.reason or 'it was stopped'}"
            elif state.supervisor is None or not state.supervisor.is_alive():
                problem = "the supervisor of the node was killed"
            elif state.phase == "running" and _answers(client, state.url):
                return state
            if waited > timeout_s:
                problem = f"Elasticsearch did not answer within {timeout_s:.0f} s"
            if problem:
                raise NodeStartError(summarize_failure(layout, problem, state.started_at))
            time.sleep(_POLL_S)


def _answers(client: httpx.Client, url: str) -> bool:
    # Yellow: every primary shard is there. After a crash that takes a moment, and a search would fail before.
    try:
        answer = client.get(f"{url}/_cluster/health", params={"wait_for_status": "yellow", "timeout": "2s"})
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def end(layout: Layout) -> None:
    """Stop whatever runs of this node, and return when it is gone."""
    layout.kept.unlink(missing_ok=True)
    supervisor = read_state(layout).supervisor
    if supervisor is not None:
        supervisor.signal(signal.SIGTERM)
        supervisor.wait(_STOP_TIMEOUT_S)
    # Mostly none is left. A server whose supervisor was killed stops by itself, only not at once.
    for process in find_strays(layout):
        process.signal(signal.SIGTERM)
        if not process.wait(_STOP_TIMEOUT_S):
            process.signal(signal.SIGKILL)
            process.wait(5.0)
    state = read_state(layout)
    if state.phase in ("starting", "running"):
        state.phase = "stopped"
        write_state(layout, state)
