#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: reports.py SOCKET DRY-RUN IMAGE: judge what a VM with a working disk says of itself.

DRY-RUN is the file with what --dry-run prints for its words, IMAGE that of its one disk. The VM is stopped
for as long as numbers have to agree. Status 0: everything is as it must be; else it says what is not."""
import json
import os
import socket
import sys

STATS = {"account_failed", "account_invalid", "invalid_operations", "timed_stats", "wr_highest_offset"}
OPERATIONS = ("rd", "wr", "flush", "unmap", "zero")
OF_EACH = ("{}_bytes", "{}_operations", "{}_total_time_ns", "{}_merged", "failed_{}_operations",
           "{}_latency_histogram")
EXITS = {"io", "mmio", "intr", "hlt", "irq-window-open", "shutdown", "fail-entry", "internal-error",
         "system-event", "other", "signal"}
QUEUE = {"requests", "depth", "bytes-read", "bytes-written", "notifications", "interrupts"}
DEVICE = {"name", "type", "needs-reset", "queues", "failures", "resets"}


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(path)
    lines = client.makefile("rwb")
    lines.readline()

    def run(command):
        lines.write(json.dumps({"execute": command}).encode())
        lines.flush()
        while True:
            message = json.loads(lines.readline())
            if "return" in message:
                return message["return"]
            assert "event" in message, message

    run("qmp_capabilities")
    return run


def judge_stats(stats):
    """Reads and writes of a sector each, two reads for a write; nothing failed."""
    assert set(stats) == STATS | {form.format(name) for name in OPERATIONS for form in OF_EACH}, set(stats)
    assert 0 < stats["wr_operations"] <= stats["rd_operations"] <= 2 * stats["wr_operations"] + 1, stats
    for name in OPERATIONS:
        bins = stats[f"{name}_latency_histogram"]["bins"]
        bounds = stats[f"{name}_latency_histogram"]["boundaries"]
        assert bounds == sorted(set(bounds)) and len(bins) == len(bounds) + 1, bounds
        assert sum(bins) == stats[f"{name}_operations"], (name, bins)
        assert stats[f"failed_{name}_operations"] == 0, stats
    for name in ("rd", "wr"):
        assert stats[f"{name}_bytes"] == 512 * stats[f"{name}_operations"], stats
        assert stats[f"{name}_total_time_ns"] > 0, stats


def judge_metrics(metrics, begin, stats):
    assert set(metrics) == {"times", "control", "vcpus", "devices"}, set(metrics)
    assert set(metrics["control"]) == {"clients", "rests"} and metrics["control"]["clients"] == 1, metrics
    times = metrics["times"]
    assert set(times) == {"start-us", "guest-start-us", "now-us"}, times
    assert begin <= times["start-us"] / 1e6 < begin + 3600, (begin, times)
    assert 0 < times["guest-start-us"] < times["now-us"], times
    assert [cpu["cpu-index"] for cpu in metrics["vcpus"]] == [0, 1], metrics["vcpus"]
    assert all(set(cpu["exits"]) == EXITS and cpu["thread-id"] > 0 for cpu in metrics["vcpus"])
    assert metrics["vcpus"][0]["exits"]["io"] > 0 and metrics["vcpus"][0]["exits"]["mmio"] > 0
    disk = metrics["devices"][0]
    assert set(disk) == DEVICE | {"engine", "stats"} and disk["type"] == "blk", disk
    assert disk["engine"] in ("io_uring", "plain"), disk
    assert disk["stats"] == stats and not disk["needs-reset"] and disk["failures"] == 0, disk
    queue = disk["queues"][0]
    assert set(queue) == QUEUE, queue
    # One at a time, and one of them may be on its way.
    assert 0 <= queue["depth"] <= 1, queue
    assert queue["requests"] - queue["depth"] == stats["rd_operations"] + stats["wr_operations"], queue
    assert queue["notifications"] > 0 and queue["interrupts"] > 0, queue
    assert all(set(device) - {"engine", "stats"} == DEVICE for device in metrics["devices"])


def judge_jail(jail):
    assert set(jail) == {"filters", "layers"} and jail["filters"] == "enforce", jail
    names = [layer["name"] for layer in jail["layers"]]
    assert len(set(names)) == len(names) and "limits" in names, names
    for layer in jail["layers"]:
        assert set(layer) == {"name", "holds", "error"}, layer
        assert layer["holds"] == (layer["error"] is None), layer


def judge_block(block, image):
    assert len(block) == 1 and block[0]["qdev"] == "vd0" and block[0]["io-status"] == "ok", block
    shown = block[0]["inserted"]
    assert shown["cache"] == {"no-flush": True, "direct": False, "writeback": True}, shown
    assert shown["image"]["virtual-size"] == os.stat(image).st_size, shown
    assert 0 < shown["image"]["actual-size"] <= os.stat(image).st_blocks * 512, shown


def main():
    path, dry_run, image = sys.argv[1:]
    run = connect(path)
    run("stop")
    stats = run("query-blockstats")
    while stats != (again := run("query-blockstats")):  # the disk's thread has a last one
        stats = again
    assert [set(disk) for disk in stats] == [{"device", "qdev", "node-name", "stats"}], stats
    judge_stats(stats[0]["stats"])
    judge_metrics(run("x-vmm-metrics"), os.stat(dry_run).st_mtime, stats[0]["stats"])
    run("cont")
    before = stats[0]["stats"]["rd_operations"]
    while run("query-blockstats")[0]["stats"]["rd_operations"] == before:
        pass
    judge_jail(run("x-vmm-jail"))
    judge_block(run("query-block"), image)
    with open(dry_run, encoding="utf-8") as printed:
        assert run("x-vmm-config") == json.load(printed)


main()
