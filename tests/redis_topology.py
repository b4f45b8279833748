"""A Redis cluster of six nodes, or a master with a replica and three sentinels, for the tests of both languages.

    python3 tests/redis_topology.py cluster|sentinel

prints the store URL once all of it works. Each line it is then given is done and answered with a line:
`failover`: kills a master, and waits for its replica to take over. It ends, with its servers, when its input does.
"""

from __future__ import annotations

import ctypes
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from processes import free_port


def ends_with_us() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    def __init__(self, folder: pathlib.Path, *words: str, sentinel: str = "") -> None:
        self.port = free_port()
        home = folder / str(self.port)
        home.mkdir()
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home), *words]
        if sentinel:
            file = home / "sentinel.conf"
            file.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {home}\n{sentinel}")
            options = [str(file), "--sentinel"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL, preexec_fn=ends_with_us)
        wait_for(lambda: self.command("PING") == "PONG")

    def command(self, *words: str) -> str:
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=False, timeout=10
        )
        return done.stdout.strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_for(settled: Callable[[], bool], most: float = 30) -> None:
    until = time.monotonic() + most
    while not settled():
        if time.monotonic() > until:
            raise TimeoutError("the servers never settled")
        time.sleep(0.01)


class Cluster:
    def __init__(self, folder: pathlib.Path) -> None:
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
        options += ["--repl-ping-replica-period", "1", "--repl-diskless-sync-delay", "0"]
        self.nodes = [Server(folder, *options, "--cluster-port", str(free_port())) for _ in range(6)]
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
        # redis-cli looks for the bus at port + 10000, where it is not: the steps are done by hand.
        for i, (first, last) in enumerate(((0, 5460), (5461, 10922), (10923, 16383))):
            self.nodes[i].command("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            self.nodes[i].command("CLUSTER", "SET-CONFIG-EPOCH", str(i + 1))
        for node in self.nodes[1:]:
            bus = node.command("CONFIG", "GET", "cluster-port").split()[-1]
            self.nodes[0].command("CLUSTER", "MEET", "127.0.0.1", str(node.port), bus)
        ids = [node.command("CLUSTER", "MYID") for node in self.nodes]
        for node in self.nodes:
            wait_for(lambda node=node: all(one in node.command("CLUSTER", "NODES") for one in ids))
        for i in (3, 4, 5):
            wait_for(lambda i=i: self.nodes[i].command("CLUSTER", "REPLICATE", ids[i - 3]) == "OK")
        for node in self.nodes:
            wait_for(lambda node=node: "cluster_state:ok" in node.command("CLUSTER", "INFO"))
        for one in ids:
            wait_for(lambda one=one: one in self.nodes[0].command("CLUSTER", "SLOTS"))
        self.url = f"redis+cluster://{addresses[0]},{addresses[1]}"

    def failover(self) -> None:
        self.nodes[0].kill()
        wait_for(lambda: self.nodes[3].command("ROLE").startswith("master"))
        wait_for(lambda: "cluster_state:ok" in self.nodes[1].command("CLUSTER", "INFO"))


class Sentinels:
    def __init__(self, folder: pathlib.Path) -> None:
        self.master = Server(folder, "--repl-diskless-sync-delay", "0")
        self.replica = Server(folder, "--replicaof", f"127.0.0.1 {self.master.port}")
        lines = f"sentinel monitor house 127.0.0.1 {self.master.port} 2\nsentinel down-after-milliseconds house 400\n"
        self.sentinels = [Server(folder, sentinel=lines) for _ in range(3)]
        wait_for(lambda: "master_link_status:up" in self.replica.command("INFO", "replication"))
        for one in self.sentinels:
            wait_for(lambda one=one: "slaves=1,sentinels=3" in one.command("INFO", "sentinel"))
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/house"

    def failover(self) -> None:
        self.master.kill()
        port = str(self.replica.port)
        for one in self.sentinels:
            wait_for(lambda one=one: port in one.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "house").split())


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="coatcheck-redis-", ignore_cleanup_errors=True) as folder:
        kinds = {"cluster": Cluster, "sentinel": Sentinels}
        servers = kinds[sys.argv[1]](pathlib.Path(folder))
        print(servers.url, flush=True)
        for line in sys.stdin:
            assert line.strip() == "failover", "unknown word"
            servers.failover()
            print("done", flush=True)


if __name__ == "__main__":
    main()
