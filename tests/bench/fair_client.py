"""A load client that counts answers per connection: fair_client PORT CONNECTIONS SECONDS, one request on standard input.

Each connection sends its next request as soon as it has its answer; all answers must be as long as the first one. It is a
process of its own, so that it can be pinned, and does as little as it can per answer. Prints as JSON the counts, and how
often it looked for answers.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
from time import monotonic
from typing import Any

_WARM_UP = 0.3  #: seconds


def main() -> None:
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    request = sys.stdin.buffer.read()
    gc.disable()
    sockets = [socket.create_connection(('127.0.0.1', port)) for _ in range(connections)]
    size = _size_of_answer(sockets[0], request)
    for sock in sockets:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(json.dumps(_run(sockets, request, size, seconds)))


def _size_of_answer(sock: socket.socket, request: bytes) -> int:
    """The length of a whole answer, which must be a success."""
    sock.sendall(request)
    data = b''
    while True:
        data += sock.recv(65_536)
        head, end, body = data.partition(b'\r\n\r\n')
        lengths = [line for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:')]
        if end and len(body) >= int(lengths[0].split(b':')[1]):
            break
    if b' 200 ' not in head[:20]:
        sys.exit(f'The answer is {data!r}')
    return len(data)


def _run(sockets: list[socket.socket], request: bytes, size: int, seconds: float) -> dict[str, Any]:
    epoll = select.epoll()
    index = {sock.fileno(): number for number, sock in enumerate(sockets)}
    receive = {sock.fileno(): sock.recv for sock in sockets}
    send = {sock.fileno(): sock.send for sock in sockets}
    left = {sock.fileno(): size for sock in sockets}
    counts = [0] * len(sockets)
    for sock in sockets:
        epoll.register(sock.fileno(), select.EPOLLIN)
        sock.sendall(request)
    end = monotonic() + _WARM_UP
    is_warm = False
    looks = 0
    while True:
        looks += 1
        for fd, _ in epoll.poll(5):
            data = receive[fd](size)
            if not data:
                sys.exit('The server closed a connection')
            left[fd] -= len(data)
            if left[fd] == 0:
                counts[index[fd]] += 1
                left[fd] = size
                send[fd](request)
        if monotonic() > end:
            if is_warm:
                return {'counts': counts, 'looks': looks}
            is_warm, end, counts, looks = True, monotonic() + seconds, [0] * len(sockets), 0


if __name__ == '__main__':
    main()
