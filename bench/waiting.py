"""Many uploads that are open at once and hardly send anything."""
import resource
import socket
import time
from urllib.parse import urljoin, urlsplit


class Uploads:
    """`count` connections, each in the middle of a PATCH. `open` tells how many the server took."""

    def __init__(self, url, count):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * count)), hard))
        self.url = url
        self.connections = []
        for _ in range(count):
            self.connections.append(self.begin())
        self.open = len(self.connections)

    def begin(self):
        parts = urlsplit(self.url)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
        host = f"Host: {parts.netloc}\r\n"
        connection.sendall(f"POST /v2/bench/slow/blobs/uploads/ HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(65536)
            if not part:
                raise RuntimeError(f"the connection was closed after {len(self.connections)} open uploads")
            answer += part
        lines = answer.decode().split("\r\n")
        if " 202" not in lines[0]:
            raise RuntimeError(f"{lines[0]} after {len(self.connections)} open uploads")
        location = next(line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("location:"))
        target = urlsplit(urljoin(self.url, location))
        path = target.path + ("?" + target.query if target.query else "")
        connection.sendall(f"PATCH {path} HTTP/1.1\r\n{host}Content-Type: application/octet-stream\r\n"
                           f"Content-Length: 1048576\r\n\r\n".encode())
        return connection

    def trickle(self, seconds):
        """A byte a second on each."""
        for _ in range(seconds):
            for connection in self.connections:
                connection.sendall(b"x")
            time.sleep(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
