"""Changes of the minimal spec that leave it valid, and requests: hypothesis draws from them."""

import json
import re

from hypothesis import strategies as st

from runner.cluster.request import Request, Topology
from tests.cluster.pipelines import POSTGRESQL

_name = st.from_regex(r"\A[a-zA-Z0-9][a-zA-Z0-9_-]{0,24}\Z").filter(lambda text: not re.fullmatch("[0-9a-f]+", text))
_object = st.from_regex(r"\A[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?\Z").filter(
    lambda text: all(part and part.strip("-") == part for part in text.split("."))
)
_variable = st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,10}\Z")
_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
_label = st.from_regex(r"\A(example\.com/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?\Z")
_value = st.from_regex(r"\A([A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?)?\Z")
_quantity = st.sampled_from(["1", "512Mi", "2G", "1.5Gi", "100M", "1e9", "123456"])
_resources = st.fixed_dictionaries(
    {}, optional={"cpu": st.floats(0.001, 64), "memory": _quantity, "disk": _quantity, "gpu": st.just({"number": 2})}
)
_toleration = st.one_of(
    st.fixed_dictionaries({"key": _label, "operator": st.just("EXISTS")}, optional={"effect": st.just("NO_SCHEDULE")}),
    st.fixed_dictionaries({"key": _label, "value": _value}, optional={"operator": st.just("EQUAL")}),
    st.just({"operator": "EXISTS", "effect": "NO_EXECUTE", "tolerationSeconds": 0}),
)
_secret = st.one_of(
    st.fixed_dictionaries({"name": _object, "key": _variable, "envVar": _variable}),
    st.fixed_dictionaries({"name": _object, "mountPath": _object.map("/secrets/{}".format)}, optional={"key": _object}),
)
any_changes = st.fixed_dictionaries(
    {
        "pipeline": st.fixed_dictionaries(
            {"name": _name}, optional={"project": st.fixed_dictionaries({"name": _name})}
        ),
        "transform": st.fixed_dictionaries(
            {"cmd": st.lists(_text, min_size=1, max_size=3).filter(lambda words: words[0] != "")},
            optional={
                "stdin": st.lists(_text, max_size=3),
                "env": st.dictionaries(_variable, _text, max_size=3),
                "secrets": st.lists(_secret, max_size=3),
                "imagePullSecrets": st.lists(_object, max_size=2),
                "user": st.sampled_from(["185", "1000:100", "0"]),
                "workingDir": st.just("/work"),
                "memoryVolume": st.booleans(),
            },
        ),
    },
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": st.dictionaries(_label, _value, max_size=3),
                "annotations": st.dictionaries(_label, _text, max_size=3),
            },
        ),
        "parallelismSpec": st.fixed_dictionaries({"constant": st.integers(0, 9)}),
        "resourceLimits": _resources,
        "sidecarResourceRequests": _resources,
        "schedulingSpec": st.fixed_dictionaries(
            {}, optional={"nodeSelector": st.dictionaries(_label, _value, max_size=2), "priorityClassName": _object}
        ),
        "tolerations": st.lists(_toleration, max_size=3),
        "jobTimeout": st.sampled_from(["1s", "0.5s", "24h"]),
        "podPatch": st.just(json.dumps([{"op": "add", "path": "/hostname", "value": "edges"}])),
        "podSpec": st.just(json.dumps({"dnsPolicy": "ClusterFirst"})),
    },
)
any_request = st.builds(
    lambda topology, store, **fields: Request(topology=topology, **store, **fields),
    st.sampled_from(Topology),
    st.sampled_from([{}, {"store_claim": "data"}, POSTGRESQL]),
    runner_image=st.just("example.com/runner:1"),
    has_service=st.booleans(),
    namespace=st.sampled_from(["", "research"]),
    grace_seconds=st.floats(0, 1000),
)
