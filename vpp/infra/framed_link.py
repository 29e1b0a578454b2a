"""One end of a link between two of our own processes: whole things through a socket, with a deadline.

A thing is pickled with its arrays beside it (protocol 5): they cross without being copied into the pickle. What has
arrived by a deadline stays; the next ``receive`` goes on from there.
"""

import pickle
import socket
import struct
import time

_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")


class FramedLink:
    """Sends and receives things; both ends must trust each other, as with any pickle."""

    def __init__(self, end: socket.socket) -> None:
        """``end`` of a socket pair; closed by ``close``."""
        self._end = end
        self._parts: list[bytearray] = []
        self._begin_frame()

    def send(self, thing: object, *, deadline: float | None = None) -> None:
        """Returns once the other end's buffer has taken it.

        Args:
            thing: Anything that can be pickled.
            deadline: ``time.monotonic()`` value; ``None`` for no limit.

        Raises:
            TimeoutError: the other end did not take it by then; the link is of no use any more.
            EOFError: the other end is gone.
        """
        arrays: list[pickle.PickleBuffer] = []
        body = pickle.dumps(thing, protocol=5, buffer_callback=arrays.append)
        parts: list[bytes | memoryview] = [body, *(array.raw() for array in arrays)]
        sizes = b"".join(_SIZE.pack(len(part)) for part in parts)
        try:
            for part in (_COUNT.pack(len(parts)) + sizes, *parts):
                self._end.settimeout(None if deadline is None else max(deadline - time.monotonic(), 1e-6))
                self._end.sendall(part)
        except TimeoutError:
            raise
        except OSError as error:
            raise EOFError("the other end of the link is gone") from error

    def receive(self, *, deadline: float | None = None) -> object:
        """The next thing.

        Args:
            deadline: ``time.monotonic()`` value; one in the past takes only what is there already.

        Raises:
            TimeoutError: nothing whole arrived by then.
            EOFError: the other end is gone.
        """
        self._fill(deadline)
        parts = self._parts[2:]
        self._begin_frame()
        return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - from a process that we started

    def close(self) -> None:
        """Closes this end; the other one sees it."""
        self._end.close()

    def _begin_frame(self) -> None:
        self._parts = [bytearray(_COUNT.size)]
        self._part, self._filled = 0, 0

    def _fill(self, deadline: float | None) -> None:
        while self._part < len(self._parts):
            part = self._parts[self._part]
            while self._filled < len(part):
                self._filled += self._take(memoryview(part)[self._filled :], deadline)
            self._filled = 0
            if self._part == 0:
                self._parts.append(bytearray(_SIZE.size * _COUNT.unpack(part)[0]))
            elif self._part == 1:
                self._parts.extend(bytearray(size) for (size,) in _SIZE.iter_unpack(part))
            self._part += 1

    def _take(self, room: memoryview, deadline: float | None) -> int:
        left_s = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        try:
            self._end.settimeout(left_s)
            taken = self._end.recv_into(room)
        except (TimeoutError, BlockingIOError) as error:
            raise TimeoutError("nothing whole arrived in time") from error
        except OSError as error:
            raise EOFError("the other end of the link is gone") from error
        if taken == 0:
            raise EOFError("the other end of the link is gone")
        return taken
