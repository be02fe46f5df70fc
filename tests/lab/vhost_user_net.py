#!/usr/bin/env python3
"""A network card's back-end that speaks vhost-user, written without looking at vmm's own half.

usage: vhost_user_net.py SOCKET: listens there, serves one front-end until it leaves, and answers whoever asks
for 10.0.0.2 by ARP or ping. Spec: QEMU docs/interop/vhost-user.rst, virtio 1.2 sections 2.7 and 5.1.
"""

import mmap
import os
import select
import socket
import struct
import sys

FEATURES = 1 << 32 | 1 << 30  # virtio 1, protocol features
MQ, REPLY_ACK = 1 << 0, 1 << 3
REPLY, NEED_REPLY = 1 << 2, 1 << 3
NEXT, WRITE = 1, 2  # of a descriptor
HEADER = 12  # bytes of struct virtio_net_hdr
MAC, IP = b"\x52\x54\x00\x00\x00\x02", bytes([10, 0, 0, 2])


class Memory:
    """The guest's, by its own addresses and by those of the front-end."""

    def __init__(self):
        self.regions = []

    def set_table(self, payload, fds):
        for i, fd in enumerate(fds):
            guest, size, user, offset = struct.unpack_from("<QQQQ", payload, 8 + 32 * i)
            self.regions.append((guest, user, size, mmap.mmap(fd, size, offset=offset)))
            os.close(fd)

    def find(self, address, which):
        for region in self.regions:
            if region[which] <= address < region[which] + region[2]:
                return region[3], address - region[which]
        raise ValueError(f"address {address:#x} is in no region")


class Ring:
    """A split virtqueue."""

    def __init__(self, memory):
        self.memory = memory
        self.size = self.at = 0
        self.kick = self.call = -1
        self.desc = self.used = self.avail = None
        self.on = False

    def set_addresses(self, payload):
        desc, used, avail = struct.unpack_from("<QQQ", payload, 8)
        self.desc, self.used, self.avail = (self.memory.find(a, 1) for a in (desc, used, avail))

    def take(self):
        """The next chain: its head, and what it consists of; or None."""
        area, at = self.avail
        if not self.on or struct.unpack_from("<H", area, at + 2)[0] == self.at:
            return None
        head = i = struct.unpack_from("<H", area, at + 4 + 2 * (self.at % self.size))[0]
        parts, flags = [], NEXT
        while flags & NEXT:
            address, length, flags, following = struct.unpack_from("<QIHH", self.desc[0], self.desc[1] + 16 * i)
            parts.append((*self.memory.find(address, 0), length, flags))
            i = following
        return head, parts

    def give(self, head, written):
        area, at = self.used
        struct.pack_into("<II", area, at + 4 + 8 * (self.at % self.size), head, written)
        self.at = (self.at + 1) % 65536
        struct.pack_into("<H", area, at + 2, self.at)
        os.eventfd_write(self.call, 1)


def answer(frame):
    """What the machine at the other end of the cable says to it, or None."""
    kind, sender = frame[12:14], frame[6:12]
    if kind == b"\x08\x06" and frame[20:22] == b"\x00\x01" and frame[38:42] == IP:
        return sender + MAC + frame[12:20] + b"\x00\x02" + MAC + IP + frame[22:32]
    if kind == b"\x08\x00" and frame[23] == 1 and frame[30:34] == IP and frame[34] == 8:
        total = struct.unpack_from(">H", frame, 36)[0] + 0x0800  # one's complement of what has been taken away
        checksum = struct.pack(">H", (total + (total >> 16)) & 0xFFFF)
        return sender + MAC + frame[12:26] + IP + frame[26:30] + b"\x00\x00" + checksum + frame[38:]
    return None


def serve_frames(receive, transmit):
    while chain := transmit.take():
        head, parts = chain
        frame = b"".join(area[at:at + length] for area, at, length, _ in parts)[HEADER:]
        transmit.give(head, 0)
        reply, room = answer(frame), receive.take()
        if not reply or not room:
            continue
        data = bytes(HEADER - 2) + b"\x01\x00" + reply
        left = data
        for area, at, length, flags in room[1]:
            assert flags & WRITE
            piece, left = left[:length], left[length:]
            area[at:at + len(piece)] = piece
        receive.give(room[0], len(data))


class BackEnd:
    def __init__(self, connection):
        self.connection = connection
        self.memory = Memory()
        self.rings = [Ring(self.memory), Ring(self.memory)]
        self.acks = False

    def handle(self, request, payload, fds):
        """Carry out one message. Returns the payload of the answer, or None."""
        number = struct.unpack_from("<Q", payload)[0] if len(payload) >= 8 else 0
        index, value = number & 0xFF, number >> 32
        ring = self.rings[index] if request in (8, 9, 10, 11, 12, 13, 18) else None
        if request in (1, 15, 17):
            return struct.pack("<Q", {1: FEATURES, 15: MQ | REPLY_ACK, 17: 2}[request])
        if request == 5:
            self.memory.set_table(payload, fds)
        elif request == 16:
            self.acks = bool(number & REPLY_ACK)
        elif request == 8:
            ring.size = value
        elif request == 9:
            ring.set_addresses(payload)
        elif request == 10:
            ring.at = value
        elif request == 11:
            ring.on = False
            return struct.pack("<II", index, ring.at)
        elif request == 12:
            ring.kick = fds[0]
        elif request == 13:
            ring.call = fds[0]
        elif request == 18:
            ring.on = bool(value)
        return None

    def message(self):
        """Whether the front-end is still there."""
        head, fds, _, _ = socket.recv_fds(self.connection, 12, 8)
        if not head:
            return False
        request, flags, size = struct.unpack("<III", head)
        payload = self.connection.recv(size, socket.MSG_WAITALL) if size else b""
        reply = self.handle(request, payload, fds)
        if reply is None and flags & NEED_REPLY and self.acks:
            reply = bytes(8)
        if reply is not None:
            self.connection.sendall(struct.pack("<III", request, 1 | REPLY, len(reply)) + reply)
        return True

    def run(self):
        receive, transmit = self.rings
        while True:
            wanted = [self.connection] + ([transmit.kick] if transmit.on else [])
            ready = select.select(wanted, [], [])[0]
            if transmit.kick in ready:
                os.eventfd_read(transmit.kick)
                serve_frames(receive, transmit)
            if self.connection in ready and not self.message():
                return


def main():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    BackEnd(listener.accept()[0]).run()


if __name__ == "__main__":
    main()
