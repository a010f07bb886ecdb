"""Runs unchanged S3 programs as versioned, traceable pipeline jobs.

Rooms, ground up; imports go down only:

    model       words: ids, addresses, entries, commits, jobs, records
    host        what the machine gives: settings, log, digests, processes
    spec        Pachyderm pipeline specs into model words
    store       the versioned store: catalog, blobs, layers, commits, sessions
    gateway     the S3 dialect over one view of the store
    job         one job's life; never meets the gateway
    cluster     manifests for Kubernetes
    supervisor  where gateway and job meet
    cli         command line to exit status
"""

__version__ = "0.1.0"
