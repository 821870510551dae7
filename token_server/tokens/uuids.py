"""UUIDs of version 4, written; their random bits are for who asks."""


def uuid4(digits: str) -> str:
    """Of 32 hexadecimal digits or more, the six bits that tell the version overwritten.

    RFC 9562 §5.4.
    """
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
