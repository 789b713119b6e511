"""Which pictures an H.264 film says that it has, each time that it says so (ISO/IEC 14496-15, 5.3.3.1). Pure rules."""

# Of ITU-T H.264, table 7-1.
_SEQUENCE = 7
_FIXED_BYTES = 6
_KIND, _COUNT, _LENGTH = 0x1F, 0x1F, 0x03


class ParameterSets:
    """Of a film whose header names one size for all of its pictures, and which must not change it on the way: whoever
    plays it makes ready for that size alone."""

    def __init__(self, header: bytes) -> None:
        """`header` is what its container keeps for decoders."""
        self._length_bytes, self._sequence = 0, b""
        if len(header) > _FIXED_BYTES + 2 and header[0] == 1 and header[5] & _COUNT == 1:
            self._length_bytes = (header[4] & _LENGTH) + 1
            size = int.from_bytes(header[_FIXED_BYTES : _FIXED_BYTES + 2], "big")
            self._sequence = header[_FIXED_BYTES + 2 : _FIXED_BYTES + 2 + size]

    def are_kept_by(self, packet: bytes | memoryview) -> bool:
        """False, too, where it can't be told."""
        if not self._sequence:
            return False
        at = 0
        while at < len(packet):
            begins = at + self._length_bytes
            at = begins + int.from_bytes(packet[at:begins], "big")
            if at > len(packet) or begins >= len(packet):
                return False
            if at > begins and packet[begins] & _KIND == _SEQUENCE and packet[begins:at] != self._sequence:
                return False
        return True
