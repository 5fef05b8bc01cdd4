"""
A switch in user space for kernels without netem: makes one tap device per host and carries frames between them at a
given rate, delay and loss. Prints one line when the devices are there; they go when it ends.

    python3 wire.py RATE DELAY LOSS NAME...     bits a second (0: unlimited), seconds, a part of 1, devices to make
"""
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
LARGEST = 65536
# Bytes that a link holds back before it drops: about what 1,000 packets of netem are.
QUEUE = 1_500_000


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


class Link:
    """One direction of a host's cable: when its last byte will be through."""

    def __init__(self, rate):
        self.seconds_a_byte = 8 / rate if rate > 0 else 0
        self.free = 0.0

    def through(self, at, size):
        """When a frame that gets here at `at` is through; None where the queue is full."""
        start = max(at, self.free)
        if (start - at) > QUEUE * self.seconds_a_byte:
            return None
        self.free = start + size * self.seconds_a_byte
        return self.free


def main():
    rate, delay, loss = (float(text) for text in sys.argv[1:4])
    taps = [open_tap(name) for name in sys.argv[4:]]
    out = {tap: Link(rate) for tap in taps}
    into = {tap: Link(rate) for tap in taps}
    home = {}
    # Frames on their way: first to the far end of the sender's cable, then to that of the receiver's.
    arriving, leaving, count = [], [], 0
    print("ready", flush=True)
    while True:
        due = min((queue[0][0] for queue in (arriving, leaving) if queue), default=None)
        wait = None if due is None else max(0, due - time.monotonic())
        ready, _, _ = select.select(taps, [], [], wait)
        for tap in ready:
            for _ in range(64):
                try:
                    frame = os.read(tap, LARGEST)
                except OSError:
                    break
                home[frame[6:12]] = tap
                if random.random() < loss:
                    continue
                through = out[tap].through(time.monotonic(), len(frame))
                if through is not None:
                    count += 1
                    heapq.heappush(arriving, (through + delay, count, tap, frame))
        now = time.monotonic()
        while arriving and arriving[0][0] <= now:
            at, _, tap, frame = heapq.heappop(arriving)
            known = home.get(frame[:6])
            for to in [known] if known is not None else [other for other in taps if other != tap]:
                through = into[to].through(at, len(frame))
                if through is not None:
                    count += 1
                    heapq.heappush(leaving, (through, count, to, frame))
        while leaving and leaving[0][0] <= now:
            _, _, to, frame = heapq.heappop(leaving)
            try:
                os.write(to, frame)
            except OSError:
                # The host's end is down, or does not keep up.
                pass


main()
