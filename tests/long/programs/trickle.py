"""Reads an object at 1 MB/s, over and over, until the file named by the second argument is there."""

import http.client
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

BYTES_PER_SECOND = 1_000_000

done = Path(sys.argv[2])
connection = http.client.HTTPConnection(urlsplit(os.environ["S3_ENDPOINT"]).netloc)
while not done.exists():
    connection.request("GET", sys.argv[1])
    reply = connection.getresponse()
    assert reply.status == http.client.OK
    while reply.read(BYTES_PER_SECOND // 10):
        if done.exists():
            sys.exit(0)
        time.sleep(0.1)
