#!/usr/bin/env python3
"""usage: flood.py PORT SECONDS ADDRESS < BODY: offers BODY to the gateway on PORT as fast as it answers, over many connections
that stay open, all of them forwarded from ADDRESS. Prints JSON: seconds, and how many answers of each status came."""
import collections
import json
import re
import selectors
import socket
import sys
import time

N_SOCKETS = 64
HEAD = re.compile(rb"HTTP/1\.1 (\d+)[^\r]*\r\n(?:[^\r]+\r\n)*?content-length: *(\d+)\r\n(?:[^\r]+\r\n)*?\r\n", re.I)


class Line:
    """A connection, with one request on its way."""

    def __init__(self, port, request):
        self.port, self.request = port, request
        self.open()

    def open(self):
        self.socket, self.came = socket.create_connection(("127.0.0.1", self.port), timeout=10), b""
        self.socket.sendall(self.request)

    def read(self):
        """The status of what was answered, 0 if the connection was closed instead, or None: not all is there."""
        part = self.socket.recv(65536)
        self.came += part
        head = HEAD.match(self.came)
        if head and len(self.came) >= head.end() + int(head[2]):
            self.came = b""
            return int(head[1])
        return None if part else 0


def flood(port, seconds, address, body):
    request = (f"POST /api/offer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-Forwarded-For: {address}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    said, ready = collections.Counter(), selectors.DefaultSelector()
    for _ in range(N_SOCKETS):
        line = Line(port, request)
        ready.register(line.socket, selectors.EVENT_READ, line)
    begin = now = time.monotonic()
    while now - begin < seconds:
        for key, _ in ready.select(0.1):
            line = key.data
            try:
                status = line.read()
            except OSError:
                status = 0
            if status is None:
                continue
            said[status] += 1
            try:
                if not status:
                    raise ConnectionError
                line.socket.sendall(request)
            except OSError:
                ready.unregister(line.socket)
                line.socket.close()
                line.open()
                ready.register(line.socket, selectors.EVENT_READ, line)
        now = time.monotonic()
    return {"seconds": now - begin, "said": said}


if __name__ == "__main__":
    print(json.dumps(flood(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.stdin.buffer.read())))
