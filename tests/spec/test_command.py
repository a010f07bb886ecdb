"""The commands ``spec`` and ``schema``, and how problems look."""

import json

import pytest
from click.testing import CliRunner

from runner.cli.looks import Look, render
from runner.cli.options import Options
from runner.cli.problems import problem_lines
from runner.cli.schema import SCHEMAS, schema
from runner.cli.spec import spec
from runner.spec.pipelines import read_pipelines
from runner.spec.problems import InvalidSpec

WRONG = """\
{
  "pipeline": {
    "name": "lab_summary"
  },
  "input": {
    "pfs": {
      "repo": "labresults",
      "s3": true,
      "glob": "/*"
    }
  },
  "transform": {"cmd": ["sh"], "imag": "x"}
}
"""

SHOWN = """\
✗ spec.json:9:15  input.pfs.glob is "/*"; an S3 input takes the whole repo
  9 |       "glob": "/*"
    |               ^^^^
  write  "glob": "/"
  or     drop "s3": true to get one datum per match under /pfs/labresults

✗ spec.json:12:32  transform.imag is not a field of a pipeline spec; did you mean image?
  12 |   "transform": {"cmd": ["sh"], "imag": "x"}
     |                                ^^^^
  write  image

  2 problems; nothing ran, exit status 2
"""


def lines_of(text, look):
    with pytest.raises(InvalidSpec) as caught:
        read_pipelines("spec.json", text.encode())
    return render(problem_lines(caught.value, look), look)


def test_problems_look_like_this():
    assert lines_of(WRONG, Look(columns=80)) == SHOWN


def test_another_command_tells_the_first_problem_and_where_the_rest_is():
    with pytest.raises(InvalidSpec) as caught:
        read_pipelines("spec.json", WRONG.encode())
    assert caught.value.message == 'spec.json:9:15  input.pfs.glob is "/*"; an S3 input takes the whole repo'
    assert caught.value.hint.splitlines() == [
        'write  "glob": "/"',
        'or     drop "s3": true to get one datum per match under /pfs/labresults',
        "more   runner spec check spec.json shows 1 more",
    ]


def test_colour_adds_nothing_but_colour():
    import re

    coloured = lines_of(WRONG, Look(is_terminal=True, columns=80, colour=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == SHOWN


def test_without_unicode_the_mark_is_a_letter():
    assert lines_of(WRONG, Look(unicode=False)).startswith("x spec.json:9:15")


def test_a_long_line_is_cut_around_its_mark():
    document = json.loads(WRONG)
    document = {
        "description": "x" * 300,
        **document,
        "transform": {"cmd": ["sh"]},
        "metadata": {"labels": {"a": "y" * 300}},
    }
    text = lines_of(json.dumps(document), Look(columns=80))
    shown, under = text.splitlines()[1:3]
    assert len(shown) <= 80
    assert shown[under.index("^") :].startswith('"/*"')
    assert shown.count("…") == 2


def test_the_mark_stands_below_wide_characters_too():
    text = lines_of(WRONG.replace("lab_summary", "検査 結果"), Look())
    assert "^" * 11 in text.splitlines()[2]  # two quotes, a space, and four characters of two columns each


def test_escapes_of_the_file_do_not_reach_the_terminal():
    assert "\x1b" not in lines_of('{"\\u001b[31mred": 1}', Look())


def run(command, *arguments, output="table"):
    return CliRunner().invoke(command, [*arguments, "-o", output], obj=Options(), standalone_mode=False)


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(WRONG)
    return path


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.json"
    path.write_text(WRONG.replace("/*", "/").replace("imag", "image"))
    return path


def test_check_tells_people_on_stderr_and_ends_with_2(wrong):
    result = run(spec, "check", str(wrong))
    assert (result.return_value, result.stdout) == (2, "")
    assert result.stderr == SHOWN.replace("spec.json", str(wrong))


def test_check_tells_machines_on_stdout(wrong, good):
    result = run(spec, "check", str(wrong), output="json")
    document = json.loads(result.stdout)
    assert (result.return_value, document["valid"]) == (2, False)
    assert document["problems"][0] == {
        "line": 9,
        "column": 15,
        "field": "input.pfs.glob",
        "message": 'input.pfs.glob is "/*"; an S3 input takes the whole repo',
        "write": '"glob": "/"',
        "alternative": 'drop "s3": true to get one datum per match under /pfs/labresults',
    }
    document = json.loads(run(spec, "check", str(good), output="json").stdout)
    assert (document["valid"], document["pipelines"]) == (True, ["lab_summary"])
    assert [warning["field"] for warning in document["warnings"]] == ["transform.image", "transform.image"]


def test_check_warns_on_stderr_and_ends_with_0(good):
    result = run(spec, "check", str(good))
    assert result.return_value == 0
    assert result.stdout == f"✓ {good}  lab_summary\n"
    assert result.stderr.count("▲") == 2


def test_show_prints_what_holds(good):
    shown = run(spec, "show", str(good))
    (loaded,) = read_pipelines("x", shown.stdout.encode())
    assert loaded.pipeline.spec == json.loads(run(spec, "show", str(good), output="json").stdout)
    assert loaded.pipeline.datum_tries == 3


def test_show_prints_several_pipelines_as_several_documents(tmp_path):
    one = json.loads(WRONG.replace("/*", "/").replace("imag", "image"))
    path = tmp_path / "two.json"
    path.write_text(json.dumps([one, {**one, "pipeline": {"name": "other"}}]))
    shown = run(spec, "show", str(path)).stdout
    assert [loaded.pipeline.name for loaded in read_pipelines("x", shown.encode())] == ["lab_summary", "other"]


def test_fates_are_a_table_and_a_document(good):
    lines = run(spec, "fates", str(good)).stdout.splitlines()
    assert lines[0].split() == ["FIELD", "VALUE", "FATE", "MEANING"]
    assert lines[1].split()[:3] == ["pipeline.name", '"lab_summary"', "done"]
    rows = json.loads(run(spec, "fates", str(good), output="json").stdout)
    assert rows[-1] == {
        "field": "transform.image",
        "value": "x",
        "fate": "noted",
        "meaning": "Container image",
        "note": "the command runs on this machine, not in an image",
    }


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_a_json_schema(name):
    document = json.loads(run(schema, name).stdout)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_schema_lists_its_names_and_names_the_nearest():
    assert run(schema).stdout.split() == list(SCHEMAS)
    assert "did you mean 'pipeline'?" in str(run(schema, "pipelin").exception)
