#!/usr/bin/env python3
"""Usage: vsock_talk.py SOCKET PORT N: talk to programs of a guest by its vsock, as its user would.

At PORT somebody sends back what it is sent, a little at a time, and ends when its client has ended; at PORT + 2
also much. At PORT + 1 somebody reads one byte and closes. At PORT + 3 there is nobody. N streams are open at the
same time.
"""

import os
import random
import select
import socket
import sys

LIMIT = 90  # seconds without a word: only a failure waits so long


def dial(path, port):
    """A stream to the guest's port; None if nobody is there."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(LIMIT)
    s.connect(path)
    s.sendall(f"CONNECT {port}\n".encode())
    line = b""
    while not line.endswith(b"\n"):
        byte = s.recv(1)
        if not byte:
            return None
        line += byte
    assert line.startswith(b"OK "), line
    return s


def read_all(s):
    data = b""
    while piece := s.recv(65536):
        data += piece
    return data


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        assert piece, "the stream ended early"
        data += piece
    return data


def many(path, port, n):
    """All open before the first is used; each finishes sending, and reads its own bytes and the end."""
    streams = [(dial(path, port), os.urandom(200 + i)) for i in range(n)]
    assert all(s for s, _ in streams), "a stream was refused"
    for s, data in streams:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    for s, data in streams:
        assert read_all(s) == data, "a stream has other bytes"
        s.close()


def converse(path, port):
    """Questions and answers of any size, as of a terminal."""
    s = dial(path, port)
    for _ in range(150):
        data = os.urandom(random.randint(1, 3000))
        s.sendall(data)
        assert read_exactly(s, len(data)) == data, "the answer has other bytes"
    s.close()


def flood(path, port, size):
    """More than all buffers on the way hold, in both directions at once."""
    s, sent, seen = dial(path, port), 0, b""
    data = os.urandom(size)
    s.setblocking(False)
    while len(seen) < size:
        readable, writable, _ = select.select([s], [s] if sent < size else [], [], LIMIT)
        assert readable or writable, "the stream stands still"
        if writable:
            sent += s.send(data[sent:sent + 65536])
            if sent == size:
                s.shutdown(socket.SHUT_WR)
        if readable:
            piece = s.recv(65536)
            assert piece, "the stream ended early"
            seen += piece
    assert seen == data, "other bytes came back"


def cut(path, port):
    """The guest closes while we send: we are told, one way or the other."""
    s = dial(path, port)
    try:
        while True:
            s.sendall(bytes(65536))
    except (BrokenPipeError, ConnectionResetError):
        return


def main():
    path, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    converse(path, port)
    flood(path, port + 2, 1000000)
    many(path, port, n)
    cut(path, port + 1)
    assert dial(path, port + 3) is None, "nobody has answered"
    abandoned = [dial(path, port) for _ in range(5)]
    for s in abandoned:
        s.sendall(bytes(1000))
        s.close()  # with its answer unread: a reset
    converse(path, port)


main()
