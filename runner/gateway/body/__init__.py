"""The body of a request: from ASGI messages to bytes that are what the client announced.

source      messages -> blocks of some 256 KiB, with an idle limit; discards what nobody read
framing     aws-chunked -> bytes, chunk and trailer signatures
announced   headers -> digests and lengths that the body must have
verified    the three together: the stream that an operation reads
"""
