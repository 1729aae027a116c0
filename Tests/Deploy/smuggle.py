#!/usr/bin/env python3
"""Sends requests whose end two readers could see in different places to a proxy, each on a connection of its own.

smuggle.py PORT

Prints the number of the attempt, its name, and the statuses that came back. The paths say which attempt a request belongs
to: /outer-N is what was sent, /inner-N is what only a confused reader would see. Whoever runs this compares the access logs of
proxy and server: the server must have seen no request that the proxy did not see.
"""
import concurrent.futures
import re
import socket
import sys

BODY = b"0\r\n\r\nGET /inner-%d HTTP/1.1\r\nHost: x\r\n\r\n"


def attempts():
    inner = b"GET /inner-%d HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

    def post(headers, body, version=b"1.1", path=b"/outer-%d"):
        return b"POST " + path + b" HTTP/" + version + b"\r\nHost: x\r\n" + headers + b"\r\n" + body

    size = b"Content-Length: %d\r\n"
    yield "CL.TE", post(size % len(BODY) + b"Transfer-Encoding: chunked\r\n", BODY)
    yield "TE.CL", post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"5c\r\n" + inner + b"0\r\n\r\n")
    for name, field in [
        ("space before colon", b"Transfer-Encoding : chunked"), ("leading space", b" Transfer-Encoding: chunked"),
        ("unknown coding", b"Transfer-Encoding: xchunked"), ("coding list", b"Transfer-Encoding: chunked, identity"),
        ("identity first", b"Transfer-Encoding: identity, chunked"), ("tab", b"Transfer-Encoding:\tchunked"),
        ("vertical tab", b"Transfer-Encoding:\x0bchunked"), ("null byte", b"Transfer-Encoding: chunked\x00"),
        ("quoted", b'Transfer-Encoding: "chunked"'), ("folded", b"Transfer-Encoding:\r\n chunked"),
        ("upper case", b"TRANSFER-ENCODING: CHUNKED"), ("underscore", b"Transfer_Encoding: chunked"),
        ("bare CR", b"X: y\rTransfer-Encoding: chunked"), ("bare LF", b"X: y\nTransfer-Encoding: chunked"),
        ("twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        ("connection lists it", b"Connection: close, transfer-encoding\r\nTransfer-Encoding: chunked"),
    ]:
        yield "TE " + name, post(size % len(BODY) + field + b"\r\n", BODY)
        yield "TE alone, " + name, post(field + b"\r\n", BODY)
    for name, value in [
        ("plus", b"+5"), ("minus", b"-5"), ("hexadecimal", b"0x5"), ("list", b"5, 5"), ("two numbers", b"5 6"),
        ("empty", b""), ("letters", b"5abc"), ("huge", b"18446744073709551621"), ("leading zeros", b"0000000005"),
    ]:
        yield "CL " + name, post(b"Content-Length: " + value + b"\r\n", b"hello" + inner)
    yield "CL twice, different", post(b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello" + inner)
    yield "CL twice, the same", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello" + inner)
    yield "CL connection lists it", post(b"Connection: close, content-length\r\n" + size % len(BODY), BODY)
    chunked = b"Transfer-Encoding: chunked\r\n"
    for name, body in [
        ("size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"), ("negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
        ("overflowing size", b"10000000000000005\r\nhello\r\n0\r\n\r\n"), ("extension with LF", b"5;a=\n5\r\nhello\r\n0\r\n\r\n"),
        ("size ended by LF", b"5\nhello\n0\n\n"), ("no CRLF after data", b"5\r\nhelloXX0\r\n\r\n"),
        ("spaces in size", b"5 \r\nhello\r\n0\r\n\r\n"), ("trailer with length", b"5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n"),
    ]:
        yield "chunk " + name, post(chunked, body + inner)
    yield "HTTP/1.0 with TE", post(chunked, BODY, b"1.0")
    yield "GET with a body", b"GET /outer-%d HTTP/1.1\r\nHost: x\r\n" + size % len(inner) + b"\r\n" + inner
    yield "upgrade to h2c", post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" + size % 0, inner)
    yield "expectation", post(b"Expect: 100-continue\r\n" + size % 5, b"hello" + inner)
    yield "line break in path", post(size % 0, b"", path=b"/outer-%d\r\nX: y\r\n\r\n" + inner + b"POST /outer-%d")
    yield "encoded line break in path", post(size % 0, b"", path=b"/outer-%d%%0d%%0aGET%%20/inner-%d")


def attempt(port, number, name, request):
    request = re.sub(rb"/(outer|inner)-%d", lambda match: b"/" + match[1] + b"-" + str(number).encode(), request).replace(b"%%", b"%")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.settimeout(1.5)
        answer = b""
        try:
            connection.sendall(request)
            while part := connection.recv(65536):
                answer += part
        except OSError:
            pass
    return " ".join([str(number), name + ":", *re.findall(r"HTTP/1\.1 (\d+)", answer.decode("latin-1"))])


def main():
    port = int(sys.argv[1])
    # A connection that stays open is waited for; many wait at once.
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        for line in pool.map(lambda each: attempt(port, each[0], *each[1]), enumerate(attempts())):
            print(line)


main()
