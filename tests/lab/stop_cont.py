#!/usr/bin/env python3
"""Usage: stop_cont.py SOCKET TIMES [SECONDS]: stop and continue a VM so often, and let it run that long
in between (0.01). Each stop must be confirmed by the status, and everything within 20 s."""

import json
import socket
import sys
import time


def main():
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(sys.argv[1])
    lines = client.makefile("rwb")

    def run(command):
        lines.write(json.dumps({"execute": command}).encode())
        lines.flush()
        while True:
            message = json.loads(lines.readline())
            if "return" in message:
                return message["return"]
            assert "event" in message, message

    pause = float(sys.argv[3]) if len(sys.argv) > 3 else 0.01
    lines.readline()
    run("qmp_capabilities")
    for _ in range(int(sys.argv[2])):
        run("stop")
        assert run("query-status")["status"] == "paused"
        run("cont")
        assert run("query-status")["status"] == "running"
        time.sleep(pause)


main()
