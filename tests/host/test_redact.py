from runner.host.redact import Redactor


def test_values_become_stars_in_text_and_bytes():
    redactor = Redactor(["p4ssw0rd"])
    assert redactor.text("a p4ssw0rd!") == "a ***!"
    assert redactor.bytes(b"a p4ssw0rd!") == b"a ***!"


def test_a_value_that_begins_another_does_not_uncover_the_rest():
    assert Redactor(["token", "token-longer"]).text("token-longer token") == "*** ***"


def test_a_value_of_several_lines_is_known_line_by_line():
    redactor = Redactor(["-----BEGIN KEY-----\nMIIEabcd\n-----END KEY-----\n"])
    assert redactor.text("MIIEabcd") == "***"


def test_percent_encoded_it_is_known_too():
    assert Redactor(["a/b+c=d"]).text("url?key=a%2Fb%2Bc%3Dd") == "url?key=***"


def test_short_words_stay_readable():
    assert Redactor(["on", ""]).text("moon") == "moon"


def test_values_may_be_learnt_later():
    redactor = Redactor()
    assert redactor.text("later") == "later"
    redactor.add(["later"])
    assert redactor.text("later") == "***"
