"""Bytes on the socket: framing, handshake, address."""
