"""A relay before the engine, to take it away and give it back."""

from __future__ import annotations

import socket
import threading


class Proxy:
    """A TCP relay before the engine, to take it away and give it back."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = list[socket.socket]()
        self.is_up = True
        self.asked = 0
        """Searches that went through."""
        self._flows = threading.Event()
        self._flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self.is_up:
                client.close()
                continue
            server = socket.create_connection(self._target)
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._flows.wait()
                self._note(data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()

    def _note(self, data: bytes) -> None:
        self.asked += data.count(b"POST /_msearch")

    def take_away(self) -> None:
        self.is_up = False
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._open.clear()

    def pause(self) -> None:
        """Answer nothing and refuse nothing, like a process that was stopped."""
        self._flows.clear()

    def go_on(self) -> None:
        """Let through again what is waiting, and what comes."""
        self._flows.set()

    def close(self) -> None:
        self.go_on()
        self.take_away()
        self._listener.close()
