#!/usr/bin/env python3
"""Writes the example folders: `python3 make.py`. Needs `wg`. The keys are hashes of names, and nobody's."""

import base64
import hashlib
import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent


def private(name):
    return base64.b64encode(hashlib.sha256(f"throw-away {name}".encode()).digest()).decode()


def public(name):
    return subprocess.run(["wg", "pubkey"], input=private(name), text=True, capture_output=True, check=True).stdout.strip()


def config(folder, name, interface, *peers):
    """Writes FOLDER/NAME.conf: lines of [Interface], and for each peer its name and lines."""
    lines = ["[Interface]", f"PrivateKey = {private(f'{folder} {name}')}", *interface]
    for peer, *rest in peers:
        lines += ["", f"# {peer}", "[Peer]", f"PublicKey = {public(f'{folder} {peer}')}", *rest]
    path = HERE / folder / f"{name}.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def hub():
    """Everybody through one hub; a phone of which only the hub knows."""
    forward = ["PostUp = sysctl -w net.ipv4.ip_forward=1", "PostDown = sysctl -w net.ipv4.ip_forward=0"]
    spokes = {"laptop": 2, "server": 3, "printer": 4}
    known = [(name, f"AllowedIPs = 10.8.0.{n}/32, fd08::{n}/128") for name, n in [*spokes.items(), ("phone", 5)]]
    config("hub", "hub", ["Address = 10.8.0.1/24, fd08::1/64", "ListenPort = 51820", *forward], *known)
    there = ["Endpoint = hub.example.org:51820", "PersistentKeepalive = 25"]
    for name, n in spokes.items():
        own = [f"Address = 10.8.0.{n}/24, fd08::{n}/64", "DNS = 10.8.0.1"]
        config("hub", name, own, ("hub", "AllowedIPs = 10.8.0.0/24, fd08::/64", *there))


def mesh():
    """Everybody with everybody; one file is of a device whose private key is elsewhere."""
    nodes = {"alpha": 1, "beta": 2, "gamma": 3}
    for name, n in nodes.items():
        others = [(o, f"AllowedIPs = 172.20.0.{m}/32", f"Endpoint = 192.0.2.{m}:51820") for o, m in nodes.items() if o != name]
        config("mesh", name, [f"Address = 172.20.0.{n}/32", "ListenPort = 51820", "MTU = 1380"], *others)
    text = (HERE / "mesh/gamma.conf").read_text().splitlines(keepends=True)
    (HERE / "mesh/gamma.conf").write_text("".join(line for line in text if not line.startswith("PrivateKey")))


def sites():
    """Two sites joined by their routers, and a router that was forgotten on one side."""
    nat = ["PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE", "PostUp = logger up", "SaveConfig = true"]
    psk = base64.b64encode(hashlib.sha256(b"throw-away psk").digest()).decode()
    west = ("AllowedIPs = 10.99.0.1/32, 192.168.1.0/24", f"PresharedKey = {psk}", "Endpoint = [2001:db8::1]:51820")
    east = ("AllowedIPs = 10.99.0.2/32, 192.168.2.0/24, 192.168.3.0/24", f"PresharedKey = {psk}")
    config("sites", "west", ["Address = 10.99.0.1/29", "Table = 1234", "FwMark = 0xca6c"], ("east", *east))
    config("sites", "east", ["Address = 10.99.0.2/29", *nat], ("west", *west))
    config("sites", "north", ["Address = 10.99.0.3/29"], ("west", "AllowedIPs = 10.99.0.1/32"))


def everything():
    """Everything through an exit, by a default route and by its two halves; one device has the address of another."""
    nat = ["PostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"]
    known = [(name, f"AllowedIPs = 10.9.0.{n}/32") for name, n in [("tablet", 2), ("desk", 3)]]
    config("exit", "vps", ["Address = 10.9.0.1/24", "ListenPort = 443", *nat], *known)
    config("exit", "tablet", ["Address = 10.9.0.2/24"], ("vps", "AllowedIPs = 0.0.0.0/0, ::/0", "Endpoint = 203.0.113.9:443"))
    config("exit", "desk", ["Address = 10.9.0.3/24"], ("vps", "AllowedIPs = 0.0.0.0/1, 128.0.0.0/1, ::/1, 8000::/1"))
    config("exit", "desk-old", ["Address = 10.9.0.3/24"], ("vps", "AllowedIPs = 0.0.0.0/0"))


for make in [hub, mesh, sites, everything]:
    make()
