#!/usr/bin/env python3
"""Writes table.txt: what Python's ipaddress and Go's net/netip make of several thousand texts.

    python3 table.py > table.txt        (needs Python 3.11 or later, and Go 1.22 or later)

One case a line, four columns between tabs: `address` or `range`; the text; what Python reads; what Go reads. A reading is the
value in the reader's own canonical text, `-` if it refuses. Bytes outside printable ASCII, and `\\`, are written `\\u{HEX}`.
The test beside it (../addresses.rs) reads the table alone and needs neither Python nor Go.
"""

import ipaddress
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).parent

GOOD_V4 = ["0.0.0.0", "10.42.0.7", "127.0.0.1", "192.0.2.255", "255.255.255.255", "1.2.3.4", "100.64.0.1", "224.0.0.251"]
GOOD_V6 = [
    "::", "::1", "fd42::7", "2001:db8::1", "fe80::1", "ff02::fb", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
    "2001:0db8:0000:0000:0000:0000:0000:0001", "FD42::ABCD", "1::8", "::ffff:0:0", "64:ff9b::1.2.3.4", "::1.2.3.4",
    "1:0:0:2:0:0:0:3", "1:0:0:0:2:0:0:3", "0:0:1::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1:2:3:4:5:6:1.2.3.4",
]
MAPPED = ["::ffff:10.42.0.7", "::ffff:a2a:7", "0:0:0:0:0:ffff:1.2.3.4", "::FFFF:127.0.0.1", "::ffff:0:1"]
ODD = [
    "", " ", ".", ":", ":::", "1", "1.2", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "1.2.3.999",
    "01.2.3.4", "1.02.3.4", "1.2.3.00", "000.0.0.0", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.1", "0177.0.0.1",
    "+1.2.3.4", "-1.2.3.4", "1.2.3.+4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "\t1.2.3.4", "1.2.3. 4", "1.2.3.4\0", "1_0.2.3.4",
    "١.٢.٣.٤", "１.２.３.４", "1.2.3.４", "1.2.3.⁴", "1。2。3。4", "1.2.3.4a", "a.b.c.d", "1,2,3,4", "1.2.3.4:80", "[::1]", "[::1]:80",
    "fe80::1%eth0", "fe80::1%1", "fe80::1%", "fe80::%25eth0", "%eth0", "::1%lo%lo", "::1%é", "1.2.3.4%eth0", "fe80::1%eth0\n",
    "::ffff:1.2.3.4%eth0", "::ffff:01.2.3.4", "::1.2.3", "::1.2.3.4.5", "::1.2.3.4:5", "1.2.3.4::", "::01.2.3.4", "::1.2.3.256",
    "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1::2::3", "12345::", "::00001", "::g", ":1", "1:", "1:2:3:4:5:6:7:",
    ":1:2:3:4:5:6:7", "::-1", "::+1", ":: 1", " ::1", "::1 ", "::１", "::ａ", "fd42::7\n", "0::0::0", "::::", "1:2:3:4:5:6:7:1.2.3.4",
    "\ufeff::1", "localhost", "::ffff:0x1.2.3.4", "0000:0000:0000:0000:0000:0000:0000:00000", "2001:db8", "2001:db8:", "fd42:::1",
]
LENGTHS = [
    "/0", "/1", "/7", "/8", "/16", "/24", "/31", "/32", "/33", "/48", "/64", "/127", "/128", "/129", "/256", "/999", "/00", "/08", "/008",
    "/+8", "/-1", "/ 8", "/8 ", "/", "//8", "/8/", "/8/8", "/0x8", "/8.0", "/1e1", "/٨", "/８", "/8\n", "/1_6", "", "/255.255.0.0",
    "/255.0.0.0", "/0.0.0.255", "/255.0.255.0", "/ffff::", "/18446744073709551624", "/4294967304", "/eth0", "%eth0/64", "/64%eth0",
]


def network(text):
    """The range around an address, so that the length of a case has no host bits as often as it has."""
    base, _, length = text.partition("/")
    try:
        return str(ipaddress.ip_network(f"{base}/{length}", strict=False))
    except ValueError:
        return text


def mutations(rng, texts, count):
    alphabet = "0123456789abcdefABCDEF.:/%+- x\n１٣"
    for _ in range(count):
        text = list(rng.choice(texts))
        for _ in range(rng.randint(1, 2)):
            at = rng.randint(0, len(text))
            match rng.randint(0, 3):
                case 0:
                    text.insert(at, rng.choice(alphabet))
                case 1 if at < len(text):
                    text[at] = rng.choice(alphabet)
                case 2 if at < len(text):
                    del text[at]
                case _ if text:
                    at = rng.randrange(len(text))
                    text.insert(at, text[at])
        yield "".join(text)


def cases():
    rng = random.Random(20)
    addresses = GOOD_V4 + GOOD_V6 + MAPPED + ODD
    addresses += [str(ipaddress.IPv4Address(rng.getrandbits(32))) for _ in range(100)]
    addresses += [str(ipaddress.IPv6Address(rng.getrandbits(128))) for _ in range(100)]
    addresses += [str(ipaddress.IPv6Address(rng.getrandbits(128) & rng.getrandbits(128) & (0xFFFF << 112 | 0xFFFF << 32 | 0xF))) for _ in range(60)]
    addresses += list(mutations(rng, GOOD_V4 + GOOD_V6 + MAPPED, 1200))
    ranges = [address + length for address in GOOD_V4[:4] + GOOD_V6[:8] + MAPPED[:2] + ODD[:40:4] for length in LENGTHS]
    ranges += [network(text) for text in ranges]
    ranges += [network(f"{ipaddress.IPv4Address(rng.getrandbits(32))}/{rng.randint(0, 32)}") for _ in range(300)]
    ranges += [network(f"{ipaddress.IPv6Address(rng.getrandbits(128))}/{rng.randint(0, 128)}") for _ in range(300)]
    ranges += list(mutations(rng, ranges, 1500))
    for kind, texts in [("address", addresses), ("range", ranges)]:
        for text in dict.fromkeys(texts):
            yield kind, text


def python(kind, text):
    try:
        return str(ipaddress.ip_address(text) if kind == "address" else ipaddress.ip_network(text))
    except ValueError:
        return "-"


def escaped(text):
    return "".join(c if "!" <= c <= "~" and c != "\\" else f"\\u{{{ord(c):x}}}" for c in text)


def main():
    rows = [(kind, text, python(kind, text)) for kind, text in cases()]
    asked = "".join(f"{kind}\t{text.encode().hex()}\n" for kind, text, _ in rows)
    go = subprocess.run(["go", "run", HERE / "table.go"], input=asked, text=True, capture_output=True, check=True)
    for (kind, text, read), other in zip(rows, go.stdout.splitlines(), strict=True):
        sys.stdout.write(f"{kind}\t{escaped(text)}\t{escaped(read)}\t{escaped(other)}\n")


if __name__ == "__main__":
    main()
