"""Who asks, and whether he may: SigV4 and SigV2, in headers or presigned.

credentials  tokens, known by their hash
clock        dates of requests, and how far they may be off
sigv4        signatures of version 4, and of the chunks of a body
sigv2        signatures of version 2
guard        chooses between these; off, it lets everybody in
"""

from runner.gateway.auth.guard import NOBODY, Caller, Guard
from runner.gateway.auth.head import SignedHead

__all__ = ["NOBODY", "Caller", "Guard", "SignedHead"]
