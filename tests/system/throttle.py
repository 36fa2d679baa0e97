"""A slow link between two programs: a TCP proxy that lets so many bits a second through in each direction, each delayed.

    with throttle.Link(port, bits_per_s=10_000_000, delay_s=0.010) as link:
        ... connect to 127.0.0.1:link.port instead of 127.0.0.1:port
        ... link.carried() says how many bytes went there so far

Bytes leave in slices of at most SLICE, each when the ones before it have had their time on the wire, and then travel for the
delay. What does not fit is left in the kernel's buffers, which are kept small: so a sender sees the link's pace. In a process of its
own, so that a busy test does not slow it.
"""
import asyncio
import multiprocessing
import signal
import socket
import time

SLICE = 1500  # bytes: what a link sends at once
BUFFER = 16 * 1024  # the kernel's, each way: little queues in front of a link


class Direction:
    """One direction of a link, which all its connections share."""

    def __init__(self, bits_per_s, delay_s, carried=None):
        self.carried = carried  # bytes so far, shared with the test
        self.byte_s = 8 / bits_per_s
        self.delay_s = delay_s
        self.free_at = 0.0  # when the wire has sent all it has taken

    async def carry(self, reader, writer):
        """Moves all bytes of one connection, until its end."""
        waiting = asyncio.Queue(maxsize=100000)
        deliver = asyncio.ensure_future(self.deliver(waiting, writer))
        try:
            while data := await reader.read(SLICE):
                begin = max(time.monotonic(), self.free_at)
                self.free_at = begin + len(data) * self.byte_s
                if self.carried is not None:
                    self.carried.value += len(data)
                waiting.put_nowait((self.free_at + self.delay_s, data))
                left = self.free_at - time.monotonic()
                if left > 0:
                    await asyncio.sleep(left)
        except (ConnectionError, asyncio.CancelledError):
            pass
        waiting.put_nowait((0, b""))
        await deliver

    async def deliver(self, waiting, writer):
        """Hands out what has travelled long enough."""
        try:
            while True:
                at, data = await waiting.get()
                if not data:
                    break
                left = at - time.monotonic()
                if left > 0:
                    await asyncio.sleep(left)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


async def serve(listener, port, bits_per_s, delay_s, carried):
    """Takes connections until the process ends."""
    there, back = Direction(bits_per_s, delay_s, carried), Direction(bits_per_s, delay_s)

    async def connected(reader, writer):
        try:
            far = socket.socket()
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            far.setblocking(False)
            await asyncio.get_running_loop().sock_connect(far, ("127.0.0.1", port))
            far_reader, far_writer = await asyncio.open_connection(sock=far, limit=BUFFER)
        except OSError:
            writer.close()
            return
        for stream in (writer, far_writer):
            stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(there.carry(reader, far_writer), back.carry(far_reader, writer))

    server = await asyncio.start_server(connected, sock=listener, limit=BUFFER)
    async with server:
        await server.serve_forever()


def run(listener, *how):
    """The proxy's process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(serve(listener, *how))


class Link:
    """A proxy to a port of this machine; a context manager."""

    def __init__(self, port, bits_per_s, delay_s=0.0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.bytes = multiprocessing.Value("Q", 0, lock=False)  # only the child writes
        self.child = multiprocessing.Process(target=run, args=(listener, port, bits_per_s, delay_s, self.bytes), daemon=True)
        self.listener = listener

    def carried(self):
        """How many bytes of all connections it has taken towards the port."""
        return self.bytes.value

    def __enter__(self):
        self.child.start()
        self.listener.close()
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.join()
