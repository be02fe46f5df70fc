#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: cable.py SOCKET: listen as passt does, and give each frame back to the VM that sent it.

Frames that find no room on the way back are lost, as on any cable: a guest that sends and takes none has to
be able to go on sending. Serves one VM after the other, until it is killed."""
import select
import socket
import sys

LENGTH = 4  # bytes before each frame, which say how long it is


def take_frame(received):
    """The first whole frame with its length, or nothing."""
    end = LENGTH + int.from_bytes(received[:LENGTH], "big")
    if len(received) < end:
        return b""
    frame = bytes(received[:end])
    del received[:end]
    return frame


def send(vm, data):
    """What is left of it."""
    try:
        return data[vm.send(data):]
    except BlockingIOError:
        return data


def serve(vm):
    received, unsent = bytearray(), b""
    vm.setblocking(False)
    while True:
        readable, writable, _ = select.select([vm], [vm] if unsent else [], [])
        if writable:
            unsent = send(vm, unsent)
        if not readable:
            continue
        data = vm.recv(1 << 16)
        if not data:
            return
        received += data
        while frame := take_frame(received):
            unsent = unsent or send(vm, frame)


with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    while True:
        vm, _ = listener.accept()
        with vm:
            try:
                serve(vm)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the VM is gone
