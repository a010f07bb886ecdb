"""Whether this process runs in a pod of Kubernetes."""

from __future__ import annotations

import os

_SERVER = "KUBERNETES_SERVICE_HOST"


def is_pod() -> bool:
    """Tell whether the cluster says where it is, as it does to each container.

    Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    return bool(os.environ.get(_SERVER))
