from __future__ import annotations

import json
import re


def test_an_account_is_made_listed_and_revoked_and_its_token_is_told_once(runner):
    runner("repo", "create", "labresults")
    made = runner("account", "create", "ada", "--grant", "labresults=write", "--grant", "*=read")
    assert made.status == 0
    assert re.fullmatch(r"rnr_[A-Za-z0-9]{43}\n", made.out)
    assert made.out.strip() not in made.err
    listed = runner("account", "list", "-o", "json").document
    assert listed[0]["account"] == {"name": "ada"}
    assert [each["level"] for each in listed[0]["access"]] == ["READ", "WRITE"]
    assert made.out.strip() not in json.dumps(listed)
    assert "read *, write labresults" in runner("account", "list").out
    more = runner("account", "token", "ada", "--ttl", "1h", "--read", "labresults", "-o", "json").document
    assert (more["account"], more["token"].startswith("rnr_")) == ({"name": "ada"}, True)
    assert runner("account", "list", "-o", "json").document[0]["tokens"] == 2
    assert runner("account", "revoke", "ada").status == 0
    assert "no accounts yet" in runner("account", "list").err


def test_what_cannot_be_is_said_in_one_sentence(runner):
    for words, said in (
        (("create", "ada", "--grant", "labresults"), "is no grant"),
        (("create", "ada", "--grant", "labresults=all"), "is no grant"),
        (("create", "ada", "--grant", "none=read"), "there is no repo none"),
        (("create", "ada", "--token", "short"), "the token has another form"),
        (("create", "a b"), "a b"),
        (("token", "bob"), "there is no account bob"),
        (("token", "bob", "--ttl", "soon"), "is no duration"),
        (("token", "bob", "--ttl", "0s"), "would never be good"),
        (("revoke", "bob"), "there is no account bob"),
    ):
        answer = runner("account", *words)
        assert (answer.status, answer.out) == (2, ""), words
        assert said in answer.err
        assert "Traceback" not in answer.err
