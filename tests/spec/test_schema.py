from pathlib import Path

from runner.spec.fates import fields_of, snake_name, walk
from runner.spec.field_table import field_table
from runner.spec.json_schema import DIALECT, pipeline_schema
from runner.spec.schema import PipelineSpec

DOCUMENT = Path(__file__).parents[2] / "docs" / "spec.md"


def test_the_table_in_the_documentation_is_current():
    """When this fails: scripts/spec-fields."""
    assert DOCUMENT.read_text(encoding="utf-8").endswith(field_table())


def test_the_schema_admits_every_field_in_both_styles_with_its_fate():
    schema = pipeline_schema()
    assert schema["$schema"] == DIALECT
    for field in fields_of(PipelineSpec):
        for name in (field.name, snake_name(field.name)):
            assert schema["properties"][name]["x-fate"] == field.fate
    assert schema["additionalProperties"] is False
    assert "$schema" in schema["properties"]


def test_the_schema_describes_every_message():
    definitions = pipeline_schema()["$defs"]
    messages = {field.message.__name__ for _, field in walk(PipelineSpec) if field.message}
    assert messages - {"PipelineSpec"} <= set(definitions)
    assert all(definitions[name]["additionalProperties"] is False for name in messages)


def test_numbers_may_be_strings_and_fields_null():
    schema = pipeline_schema()
    forms = schema["properties"]["datumTries"]["anyOf"]
    kinds = [form.get("type") for form in (*forms, *forms[0].get("anyOf", ()))]
    assert {"integer", "string", "null"} <= set(kinds)
    toleration = schema["$defs"]["Toleration"]["properties"]["effect"]["anyOf"][0]
    assert toleration["enum"] == ["ALL_EFFECTS", "NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE", 0, 1, 2, 3]
