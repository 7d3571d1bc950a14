#!/usr/bin/env python3
"""Mixed load on two interfaces for a long time, inside private network namespaces: does anything leak or drift?

  soak.py --program target/release/nanami-wg --minutes 30 --json out.json

Both ends run the program. Streams in both directions, small datagrams and pings go on all the time, at the given rates; every
ten seconds the configuration of one end changes (peers come and go, a prefix moves, `wg syncconf`, another port), and
keypairs are replaced by their age every two minutes. Resident memory, descriptors and threads are read every ten seconds.
The last line says how the last third compares with the second one: memory and descriptors that grow, throughput that falls
and pings that were lost are failures, exit status 1.

Needs root, python >= 3.8, iproute2, wireguard-tools, iperf3, iputils-ping. No traffic leaves the namespaces; they and all
processes are removed on exit, error, SIGINT and SIGTERM.
"""
import argparse, json, os, statistics, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tunnel import Janitor, sh

HOSTS = {"a": 1, "b": 2}


def wg(ns, *arguments, **more):
    return sh("ip", "netns", "exec", ns, "wg", *arguments, **more)


def start(janitor, program, names):
    """Both ends, up, each knowing the other. Returns their processes."""
    sh("ip", "link", "add", names["a"], "netns", names["a"], "type", "veth", "peer", "name", names["b"], "netns", names["b"])
    processes, keys = {}, {}
    for host, n in HOSTS.items():
        ns = names[host]
        sh("ip", "-n", ns, "address", "add", "10.77.0.%d/24" % n, "dev", ns)
        sh("ip", "-n", ns, "link", "set", ns, "up")
        interface = "%swg" % ns
        processes[host] = janitor.start(["ip", "netns", "exec", ns, program, "-f", interface])
        end = time.time() + 10
        while subprocess.run(["ip", "-n", ns, "link", "show", interface], capture_output=True).returncode or not os.path.exists(
                "/var/run/wireguard/%s.sock" % interface):
            if time.time() > end or processes[host].poll() is not None:
                raise SystemExit("%s does not start" % program)
            time.sleep(0.05)
        private = sh("wg", "genkey")
        keys[host] = sh("wg", "pubkey", inp=private).strip()
        wg(ns, "set", interface, "private-key", "/dev/stdin", "listen-port", "51820", inp=private)
        sh("ip", "-n", ns, "address", "add", "10.78.0.%d/24" % n, "dev", interface)
        sh("ip", "-n", ns, "link", "set", interface, "up")
    for host, other in (("a", "b"), ("b", "a")):
        wg(names[host], "set", "%swg" % names[host], "peer", keys[other], "allowed-ips", "10.78.0.%d/32" % HOSTS[other],
           "endpoint", "10.77.0.%d:51820" % HOSTS[other])
    return processes


def change(ns, n):
    """One change of a configuration that must not disturb the peer that carries the traffic."""
    interface = "%swg" % ns
    strangers = [sh("wg", "pubkey", inp=sh("wg", "genkey")).strip() for _ in range(20)]
    for m, stranger in enumerate(strangers):
        wg(ns, "set", interface, "peer", stranger, "allowed-ips", "10.79.%d.%d/32" % (n % 200, m))
    wg(ns, "set", interface, "peer", strangers[0], "allowed-ips", "10.79.%d.1/32" % (n % 200))
    wg(ns, "syncconf", interface, "/dev/stdin", inp=wg(ns, "showconf", interface))
    if n % 6 == 5:
        wg(ns, "set", interface, "listen-port", str(51820 + n // 6 % 2))
    for stranger in strangers:
        wg(ns, "set", interface, "peer", stranger, "remove")


def look(process):
    pid = process.pid  # `ip netns exec` became the program itself
    with open("/proc/%d/status" % pid) as f:
        status = dict(line.split(":", 1) for line in f)
    return {"rss_kib": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]),
            "fds": len(os.listdir("/proc/%d/fd" % pid))}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--program", required=True)
    ap.add_argument("--minutes", type=float, default=30)
    ap.add_argument("--tcp", default="100M", help="bits a second of each of four streams, as iperf3 reads them")
    ap.add_argument("--udp", default="5M", help="bits a second of datagrams of 64 bytes")
    ap.add_argument("--json")
    args = ap.parse_args()
    janitor, seconds = Janitor(), int(args.minutes * 60)
    names = {host: "nsk%d%s" % (os.getpid() % 10000, host) for host in HOSTS}
    for ns in names.values():
        janitor.make_ns(ns)
    processes = start(janitor, os.path.abspath(args.program), names)
    for port in (5301, 5302):
        janitor.start(["ip", "netns", "exec", names["b"], "iperf3", "-s", "-p", str(port)])
    time.sleep(1)
    client = ["ip", "netns", "exec", names["a"], "iperf3", "-c", "10.78.0.2", "-t", str(seconds), "-J", "-i", "10"]
    loads = [janitor.start(client + more, stdout=subprocess.PIPE) for more in (
        ["-p", "5301", "--bidir", "-P", "2", "-b", args.tcp], ["-p", "5302", "-u", "-l", "64", "-b", args.udp])]
    ping = janitor.start(["ip", "netns", "exec", names["a"], "ping", "-q", "-i", "0.2", "-w", str(seconds - 5), "10.78.0.2"],
                         stdout=subprocess.PIPE)
    began, n, samples = time.time(), 0, []
    while time.time() - began < seconds - 10:
        time.sleep(max(0, began + 10 * (n + 1) - time.time()))
        host = "ab"[n % 2]
        change(names[host], n)
        sample = {"at": round(time.time() - began), **{h: look(p) for h, p in processes.items()}}
        samples.append(sample)
        if n % 6 == 0:
            print(json.dumps(sample), flush=True)
        n += 1
    pinged = ping.communicate(timeout=60)[0].decode()
    results = [json.loads(load.communicate(timeout=60)[0]) for load in loads]
    verdict(samples, results, pinged, args.json)


def verdict(samples, results, pinged, path):
    third = len(samples) // 3
    second, last = samples[third:2 * third], samples[2 * third:]
    median = lambda part, host, what: statistics.median(sample[host][what] for sample in part)
    rates = [interval["sum"]["bits_per_second"] for interval in results[0]["intervals"]]
    rate = lambda part: statistics.median(part)
    lost = pinged.split("% packet loss")[0].split()[-1]
    said = {"pings_lost_pct": float(lost),
            "udp_lost_pct": results[1]["end"]["sum"]["lost_percent"],
            "tcp_ratio": round(rate(rates[-len(rates) // 3:]) / rate(rates[len(rates) // 3:-len(rates) // 3]), 3)}
    for host in HOSTS:
        for what in ("rss_kib", "fds", "threads"):
            said["%s_%s" % (host, what)] = [median(second, host, what), median(last, host, what)]
    wrong = [key for key, value in said.items() if isinstance(value, list) and value[1] > value[0] * 1.02]
    wrong += ["pings_lost_pct"] if said["pings_lost_pct"] > 0.5 else []
    wrong += ["tcp_ratio"] if said["tcp_ratio"] < 0.95 else []
    said["wrong"] = wrong
    if path:
        with open(path, "w") as f:
            json.dump({"samples": samples, "verdict": said}, f)
    print(json.dumps(said))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
