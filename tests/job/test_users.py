import os
import pwd

import pytest

from runner.host.process import User
from runner.job.prepare import NoSuchUser, find_user

NOBODY = pwd.getpwnam("nobody")


def found(text):
    """Return whom *text* means; who is not root hears that he may not."""
    if os.geteuid() == 0:
        return find_user(text)
    with pytest.raises(NoSuchUser, match="only root"):
        find_user(text)
    return None


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("54321", User(54321, 54321, (54321,))),  # no entry in the password file, as in a container
        ("54321:54322", User(54321, 54322, (54322,))),
        ("nobody:54322", User(NOBODY.pw_uid, 54322, (54322,), NOBODY.pw_dir)),
        (f"{NOBODY.pw_uid}:0", User(NOBODY.pw_uid, 0, (0,), NOBODY.pw_dir)),
    ],
)
def test_a_user_is_who_he_is_with_docker(text, user):
    assert found(text) in (user, None)


def test_a_name_comes_with_all_its_groups():
    groups = tuple(os.getgrouplist("nobody", NOBODY.pw_gid))
    assert found("nobody") in (User(NOBODY.pw_uid, NOBODY.pw_gid, groups, NOBODY.pw_dir), None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no-such-user", "user 'no-such-user' of the spec does not exist here"),
        ("nobody:no-such-group", "group 'no-such-group' of the spec does not exist here"),
        ("4294967295", "user '4294967295' of the spec is no number that a user can have"),
        ("1:99999999999999999999", "user '1:99999999999999999999' of the spec is no number that a user can have"),
        ("99999999999999999999", "user '99999999999999999999' of the spec is no number that a user can have"),
    ],
)
def test_whoever_cannot_be_is_said(text, sentence):
    with pytest.raises(NoSuchUser) as caught:
        find_user(text)
    assert caught.value.message == sentence
