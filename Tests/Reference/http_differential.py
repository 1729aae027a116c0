#!/usr/bin/env python3
"""Feeds the same bytes to Martlet's request parser, to h11 and to a reading of the grammar written here from the RFCs,
and compares what each takes for requests, where each begins and ends, and whether it refuses.

    Tests/Reference/http_differential.py VERDICT-BINARY [--seconds 60 | --rounds 5000] [--seed 1]

VERDICT-BINARY is `http-verdict` of this package. The inputs are Fuzz/Corpus/http and mutations of it. Each class of
disagreement must stand in http_disagreements.json beside this file with its explanation; one that does not is printed
with an example and makes the exit code 1. Needs h11 (Debian: python3-h11).
"""
import argparse
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import time

import h11

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent.parent / "Fuzz" / "Corpus" / "http"
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
SNIPPETS = [
    b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b":", b";", b",", b"%", b"%41", b"\r\n\r\n", b"0\r\n\r\n", b"Host: b\r\n",
    b"Content-Length: 3\r\n", b"Content-Length: +3\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"GET / HTTP/1.1\r\n", b"GET /s HTTP/1.1\r\nHost: a\r\n\r\n",
    b";a=b", b";a=\"b\"", b" ; a", b"\\", b"\"", b"Host: [::1]:80\r\n", b"[::1.2.3.4]", b":65535", b"HTTP/1.2", b"http://a:1",
    b"Content-Type: a\r\n", b"Authorization: a\r\n", b"Connection: a, keep-alive\r\n", b"0;a\r\nT: u\r\n\r\n",
    b"\x0b", b"\x0c", b"\x85", b"\xa0", b"\xff", b"HTTP/1.0", b"3\r\nabc\r\n", b"ffffffffffffffff", b" chunked", b"chunked, ",
]


def plain_target(method, target):
    """The path and query that a target means, as Martlet gives them."""
    if method != "CONNECT":
        absolute = re.match(r"(?i)https?://[^/?]*", target)
        if absolute:
            target = target[absolute.end():]
            if not target or target[0] == "?":
                target = ("*" if method == "OPTIONS" else "/") + target
    return target[:-1] if target.endswith("?") and target.count("?") == 1 else target


def seen(method, target, body):
    method = method if method in KNOWN_METHODS else "-"
    return [method, plain_target(method, target), body.hex()]


def by_h11(data):
    """Requests and how it ended: refused, incomplete, closed."""
    requests, request, has_empty_line = [], None, False
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    try:
        connection.receive_data(data)
        while True:
            request, body = None, b""
            has_empty_line = connection.trailing_data[0][:1] in (b"\r", b"\n")
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    begun = request is not None or connection.trailing_data[0] != b""
                    return requests, "incomplete" if begun else "done"
                if isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    break
                elif event is h11.PAUSED:
                    return requests, "done"
            requests.append(seen(request.method.decode(), request.target.decode("latin-1"), body))
            connection.send(h11.Response(status_code=405, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                is_old = request.http_version == b"1.0"
                return requests, "done for HTTP/1.0" if is_old else "done"
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        return requests, "refused for an empty line" if request is None and has_empty_line else "refused"


TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!$&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~%]+) HTTP/1\.([0-9])\r\n")
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\x20\t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*\r\n")
QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
EXTENSION = rb"[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + QUOTED + rb"))?"
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:" + EXTENSION + rb")*\r\n")
PATH = r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%(?!00)[0-9A-Fa-f]{2})*"
QUERY = r"(?:\?(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]|%(?!00)[0-9A-Fa-f]{2})*)?"
REG_NAME = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%(?!00)[0-9A-Fa-f]{2})+"
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
GROUP = r"[0-9A-Fa-f]{1,4}"
LAST = rf"(?:{GROUP}:{GROUP}|{OCTET}(?:\.{OCTET}){{3}})"
# The nine forms of IPv6address (RFC 3986 section 3.2.2).
IPV6 = "(?:" + "|".join(
    [rf"(?:{GROUP}:){{6}}{LAST}"]
    + [rf"(?:(?:{GROUP}:){{0,{left - 1}}}{GROUP})?::(?:{GROUP}:){{{5 - left}}}{LAST}" if left else rf"::(?:{GROUP}:){{5}}{LAST}"
       for left in range(6)]
    + [rf"(?:(?:{GROUP}:){{0,5}}{GROUP})?::{GROUP}", rf"(?:(?:{GROUP}:){{0,6}}{GROUP})?::"]
) + ")"
PORT = r"0*(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})"
HOST = rf"(?:\[{IPV6}\]|{REG_NAME})(?::(?:{PORT})?)?"
# Fields that stand once.
SINGLES = (
    b"content-type authorization origin range content-range content-location proxy-authorization date from if-range "
    b"if-modified-since if-unmodified-since max-forwards access-control-request-method inference-header-content-length "
    b"x-request-timeout-ms"
).split()


def by_grammar(data):
    """The same, by the ABNF of RFC 9110, 9112 and 3986 as regular expressions over whole heads, with the stricter choices
    that docs/http.md names. It knows nothing of states, cuts or limits, and cannot tell 'not yet' from 'never' in a head."""
    requests, at = [], 0
    while at < len(data):
        if data.startswith(b"\r\n", at):
            at += 2
        line = REQUEST_LINE.match(data, at)
        if not line:
            return requests, "not a head"
        # A later minor version is read as 1.1 (RFC 9110 section 2.5).
        method, target, minor = line[1].decode(), line[2].decode("latin-1"), min(1, int(line[3]))
        at, fields = line.end(), []
        while not data.startswith(b"\r\n", at):
            field = FIELD_LINE.match(data, at)
            if not field:
                return requests, "not a head"
            fields.append((field[1].lower(), field[2]))
            at = field.end()
        at += 2
        verdict = head_verdict(method, target, minor, fields)
        if verdict is None:
            return requests, "refused"
        length, keeps = verdict
        body = b""
        if length == "chunked":
            while True:
                chunk = CHUNK_LINE.match(data, at)
                if not chunk:
                    return requests, "not a body"
                size, at = int(chunk[1], 16), chunk.end()
                if size == 0:
                    break
                if at + size > len(data):
                    return requests, "not a body"
                body += data[at:at + size]
                if data[at + size:at + size + 2] != b"\r\n":
                    return requests, "not a body"
                at += size + 2
            while not data.startswith(b"\r\n", at):
                field = FIELD_LINE.match(data, at)
                if not field:
                    return requests, "not a body"
                at = field.end()
            at += 2
        else:
            if at + length > len(data):
                return requests, "not a body"
            body, at = data[at:at + length], at + length
        requests.append(seen(method, target, body))
        if not keeps:
            return requests, "done"
    return requests, "done"


def head_verdict(method, target, minor, fields):
    """The body's length and whether the connection goes on; None for a head that must be refused."""
    def all_of(name):
        return [value for key, value in fields if key == name]

    if len(method) > 32:
        return None
    if method == "CONNECT":
        good = re.fullmatch(HOST, target) and re.search(r":[0-9]+$", target)
    elif method == "OPTIONS" and target == "*":
        good = True
    else:
        good = re.fullmatch(PATH + QUERY, target) or re.fullmatch(r"(?i:https?://)" + HOST + "(?:" + PATH + ")?" + QUERY, target)
    hosts = all_of(b"host")
    if not good or len(hosts) > 1 or (minor == 1 and not hosts):
        return None
    if hosts and not re.fullmatch(HOST, hosts[0].decode("latin-1")):
        return None
    if any(len(all_of(name)) > 1 for name in SINGLES):
        return None
    if any(value.lower() != b"100-continue" for value in all_of(b"expect")):
        return None
    codings = all_of(b"content-encoding")
    if len(codings) > 1 or any(c.lower() not in (b"", b"identity", b"gzip", b"x-gzip", b"deflate") for c in codings):
        return None
    transfer, lengths = all_of(b"transfer-encoding"), all_of(b"content-length")
    options = [option.strip(b" \t").lower() for value in all_of(b"connection") for option in value.split(b",")]
    if any(option and not re.fullmatch(TOKEN, option) for option in options):
        return None
    keeps = b"close" not in options and (minor == 1 or b"keep-alive" in options)
    if transfer:
        good = len(transfer) == 1 and not lengths and minor == 1 and transfer[0].lower() == b"chunked"
        return ("chunked", keeps) if good else None
    if not lengths:
        return 0, keeps
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]+", lengths[0]) or int(lengths[0]) > 10_000_000:
        return None
    return int(lengths[0]), keeps


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(0, 3)):
        at = rng.randint(0, len(data))
        kind = rng.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 1 and at < len(data):
            del data[at]
        elif kind == 2:
            end = min(len(data), at + rng.randint(1, 30))
            data[at:at] = data[at:end]
        elif kind == 3:
            del data[at:at + rng.randint(1, 8)]
        else:
            data[at:at] = rng.choice(SNIPPETS)
    return bytes(data)


def martlet(process, data):
    process.stdin.write(struct.pack(">I", len(data)) + data)
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def disagreement(ours, theirs, requests, end):
    """A name for how two readings differ; None where they do not."""
    said = ours["requests"]
    common = min(len(said), len(requests))
    if said[:common] != requests[:common]:
        return f"{theirs}: another request or body"
    why = ours["end"]
    if len(requests) > common:
        return f"{theirs}: takes what Martlet holds {why}"
    if len(said) > common:
        return f"{theirs}: {end} where Martlet takes a request"
    if theirs == "h11":
        kind = "refused" if why.startswith("refused") else why
        return None if kind == end.split(" for ")[0] else f"{theirs}: {end} where Martlet says {why}"
    # The grammar has no notion of what is still to come.
    is_fine = {"done": why == "done", "refused": why.startswith("refused")}
    return None if is_fine.get(end, why != "done") else f"{theirs}: {end} where Martlet says {why}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rounds", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    corpus = [path.read_bytes() for path in sorted(CORPUS.glob("*.http"))]
    explained = json.loads((HERE / "http_disagreements.json").read_text())
    process = subprocess.Popen([arguments.binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    rng = random.Random(arguments.seed)
    counts, examples = {}, {}
    began = time.monotonic()
    rounds = agreed = 0
    while rounds < arguments.rounds if arguments.seconds is None else time.monotonic() - began < arguments.seconds:
        data = corpus[rounds] if rounds < len(corpus) else mutate(rng.choice(corpus), rng)
        rounds += 1
        # No bytes are h11's sign for the end. Inflating is not the framing that is compared here.
        if not data or re.search(rb"(?i)content-encoding:[ \t]*(x-)?(gzip|deflate)", data):
            continue
        ours = martlet(process, data)
        differs = False
        for name, reading in (("h11", by_h11), ("grammar", by_grammar)):
            kind = disagreement(ours, name, *reading(data))
            if kind:
                differs = True
                counts[kind] = counts.get(kind, 0) + 1
                if kind not in examples or len(data) < len(examples[kind]):
                    examples[kind] = data
        agreed += not differs
    process.stdin.close()
    process.wait()
    print(f"seed {arguments.seed}: {rounds} inputs, {agreed} with one verdict, {len(counts)} kinds of disagreement")
    unexplained = 0
    for kind, count in sorted(counts.items(), key=lambda item: -item[1]):
        if kind not in explained:
            unexplained += 1
            print(f"UNEXPLAINED {count:6d}  {kind}\n    {examples[kind]!r}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
