import json
import subprocess
import sys

import pytest

PROGRAM = "import json; from runner.host.environment import inherited_environment as i; print(json.dumps(dict(i())))"


@pytest.mark.parametrize("given", [{}, {"LC_CTYPE": "C.UTF-8"}, {"LANG": "C.UTF-8"}, {"LC_ALL": "C", "A": "1"}])
def test_a_child_inherits_what_was_given_and_no_locale_of_the_interpreter(given) -> None:
    done = subprocess.run([sys.executable, "-I", "-c", PROGRAM], env=given, capture_output=True, check=True)

    assert json.loads(done.stdout) == given
