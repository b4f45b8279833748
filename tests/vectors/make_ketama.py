#!/usr/bin/env python3
"""Writes ketama.json: which node libmemcached (pylibmc) and hashring (npm, what the `memcached` client uses) take a name
to. Needs both: pip install pylibmc; npm install hashring in the directory given as the first argument.

libmemcached does not say where a name goes, so it is let write to listeners that note it. They have addresses of
loopback, some on port 11211: that port is left out of a node's name.
"""

import json
import pathlib
import socket
import subprocess
import sys
import threading

import pylibmc

LISTS = [
    [("127.0.0.2", 11211, 1), ("127.0.0.3", 11211, 1), ("127.0.0.4", 11211, 1)],
    [
        ("127.0.0.2", 21001, 1),
        ("127.0.0.2", 21002, 1),
        ("127.0.0.3", 11211, 1),
        ("127.0.0.4", 21003, 1),
        ("127.0.0.5", 21004, 1),
    ],
    [("127.0.0.2", 21001, 1), ("127.0.0.3", 21001, 2), ("127.0.0.4", 11211, 5)],
]
NAMES = [f"cc:{n * 2654435761 % 2**32:08x}-{n}" for n in range(120)] + [
    "a",
    "foo",
    "x" * 55,
    "y" * 56,
    "z" * 63,
    "w" * 64,
    "v" * 119,
    "u" * 250,
]


def listen(host, port, noted):
    listener = socket.create_server((host, port))

    def serve(peer):
        lines = peer.makefile("rb")
        for line in lines:
            words = line.split()
            if words[0] == b"set":
                lines.read(int(words[4]) + 2)
                noted[words[1].decode()] = f"{host}:{port}"
                peer.sendall(b"STORED\r\n")
            else:
                peer.sendall(b"VERSION 1.6.18\r\n" if words[0] == b"version" else b"OK\r\n")

    def accept():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def by_libmemcached(nodes):
    noted = {}
    listeners = [listen(host, port, noted) for host, port, _ in nodes]
    client = pylibmc.Client(
        [f"{host}:{port}:{weight}" for host, port, weight in nodes], behaviors={"ketama_weighted": True}
    )
    for name in NAMES:
        client.set(name, b"1")
    for one in listeners:
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    return [noted[name] for name in NAMES]


def by_hashring(nodes, modules):
    script = """
      const HashRing = require('hashring'); const [nodes, names] = JSON.parse(require('fs').readFileSync(0));
      const ring = new HashRing(Object.fromEntries(nodes), 'md5', { 'default port': 11211 });
      console.log(JSON.stringify(names.map((n) => ring.get(n))));"""
    given = json.dumps([[[f"{h}:{p}", {"weight": w}] for h, p, w in nodes], NAMES])
    return json.loads(
        subprocess.run(
            ["node", "-e", script], input=given, capture_output=True, text=True, check=True, cwd=modules
        ).stdout
    )


cases = []
for nodes in LISTS:
    libmemcached = by_libmemcached(nodes)
    hashring = by_hashring(nodes, sys.argv[1])
    same = sum(a == b for a, b in zip(libmemcached, hashring, strict=True))
    print(f"{len(nodes)} nodes: hashring agrees with libmemcached on {same} of {len(NAMES)} names")
    cases.append(
        {
            "nodes": [{"host": h, "port": p, "weight": w} for h, p, w in nodes],
            "libmemcached": libmemcached,
            "hashring_agrees": same == len(NAMES),
        }
    )
out = {
    "source": f"libmemcached {pylibmc.libmemcached_version} (pylibmc {pylibmc.__version__}, ketama_weighted), hashring of npm",
    "names": NAMES,
    "cases": cases,
}
pathlib.Path(__file__).with_name("ketama.json").write_text(json.dumps(out, indent=1) + "\n")
