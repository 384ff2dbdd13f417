"""Reads the readings of the weather stations from their serial lines."""

from dataclasses import dataclass

START = 0x7E
ESCAPE = 0x7D


@dataclass
class Reading:
    station: int
    celsius: float
    hectopascal: float


def checksum(frame: bytes) -> int:
    """Sums all bytes, keeps the low eight bits, and flips them."""
    return ~sum(frame) & 0xFF


def unstuff(data: bytes) -> bytes:
    """Takes escape bytes out: what follows one was sent with bit five inverted."""
    plain, escaped = bytearray(), False
    for byte in data:
        if byte == ESCAPE and not escaped:
            escaped = True
            continue
        plain.append(byte ^ 0x20 if escaped else byte)
        escaped = False
    return bytes(plain)


def frames(stream):
    """Yields what lies between two start bytes; silence of two seconds ends the stream."""
    buffer = bytearray()
    while byte := stream.read(1):
        if byte[0] != START:
            buffer += byte
        elif buffer:
            yield unstuff(bytes(buffer))
            buffer.clear()


def reading(frame: bytes) -> Reading:
    """Temperature is in hundredths of a kelvin, pressure in tenths of a hectopascal, both big-endian."""
    if checksum(frame[:-1]) != frame[-1]:
        raise ValueError(f"station {frame[0]}: damaged frame")
    kelvin = int.from_bytes(frame[1:3], "big") / 100
    return Reading(frame[0], kelvin - 273.15, int.from_bytes(frame[3:5], "big") / 10)


def median_of_three(values):
    """A single outlier, as from lightning, never reaches the record."""
    first, second, third = sorted(values)
    return second


def backoff(attempt: int) -> float:
    """Seconds to wait before a line is opened again: doubles each time, at most five minutes."""
    return min(300.0, 0.5 * 2**attempt)
