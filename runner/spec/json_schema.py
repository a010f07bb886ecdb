"""The JSON Schema of a pipeline spec, for editors and for those who write specs by program."""

from __future__ import annotations

from typing import Any

from runner.spec.fates import snake_name
from runner.spec.schema import PipelineSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of one spec; fields may be written in both styles, and ``x-fate`` is theirs.

    It holds what a schema can say; the rules, which look at several fields at once, are in ``runner spec check``.
    """
    schema: dict[str, Any] = PipelineSpec.model_json_schema(by_alias=True)
    for message in (schema, *schema["$defs"].values()):
        _admit_both_styles(message)
    schema["properties"]["$schema"] = {"type": "string", "description": "Where this schema is; not part of the spec"}
    return {"$schema": DIALECT, "title": "Pipeline", **{key: schema[key] for key in schema if key != "title"}}


def _admit_both_styles(message: dict[str, Any]) -> None:
    properties = message["properties"]
    for field in properties.values():
        field.pop("title", None)
        field.pop("default", None)  # absent and null are the same
    for name in list(properties):
        snake = snake_name(name)
        if snake != name:
            properties[snake] = {**properties[name], "description": f"The same as {name}"}
