"""The script of the user's side under the shell of this machine; all other shells are the system lane's."""

import pytest

from tests.job.contract_script import ScriptContract


class TestUnderTheShellOfThisMachine(ScriptContract):
    @pytest.fixture
    def shell(self) -> list[str]:
        return ["sh"]
