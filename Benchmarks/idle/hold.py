"""Opens connections to a server, makes one request on each, and reads what the server's process then holds."""
import socket
import sys
import time

port, wanted, pid = (int(argument) for argument in sys.argv[1:4])


def private_bytes():
    """Memory that is the process's own, resident or swapped: what /proc knows of user space."""
    total = 0
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith(("Private_", "Swap:")):
            total += int(line.split()[1]) * 1024
    return total


def ask(connection):
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = b""
    while b"ok\n" not in answer:
        more = connection.recv(4096)
        assert more, "the server closed"
        answer += more


warm = []
for _ in range(200):
    warm.append(socket.create_connection(("127.0.0.1", port)))
    ask(warm[-1])
for connection in warm:
    connection.close()
time.sleep(1)
before = private_bytes()
held = []
for _ in range(wanted):
    held.append(socket.create_connection(("127.0.0.1", port)))
    ask(held[-1])
time.sleep(1)
after = private_bytes()
for connection in held[:: max(1, wanted // 100)]:
    ask(connection)
print(f"{wanted} idle connections: {(after - before) / wanted:.0f} bytes each ({before / 1e6:.1f} MB before, {after / 1e6:.1f} MB with them)")
