"""Who may come in, with the clock in the test's hand."""

from __future__ import annotations

import pytest

from millstream.frames.settings import ApiServerSection
from millstream.frames.tokens import FULL, READ_ONLY, REFUSED, WAIT, Gate

NOW = 1_800_000_000.0
LONG_TOKEN = "a-token-nobody-guesses"


def gate(**changes):
    values = {"ws_token": ["short", LONG_TOKEN], "read_only_token": "to-read-only"}
    section = ApiServerSection(enabled=True, username="u", password="p", **(values | changes))
    return Gate(section, "s" * 40)


def guesses(one, count, now=NOW):
    return [one.admit(f"guess-{number}", "1.1.1.1", now) for number in range(count)]


def test_an_access_token_lives_for_15_minutes_and_a_refresh_token_for_30_days():
    one = gate(ws_token="")
    tokens = one.login(NOW)
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    assert one.token(access, NOW + 899) == FULL
    assert one.token(access, NOW + 901) is None
    assert one.token(refresh, NOW) is None  # it is for the REST call alone
    again = one.refresh(refresh, NOW + 30 * 86_400 - 1)
    assert again is not None
    assert one.token(again["access_token"], NOW + 30 * 86_400) == FULL
    assert one.refresh(refresh, NOW + 30 * 86_400 + 1) is None
    assert one.refresh(access, NOW) is None


def test_without_a_ws_token_only_logins_come_in():
    one = gate(ws_token="", read_only_token="")
    assert one.token("", NOW) is None
    assert one.token("short", NOW) is None
    assert one.token(one.login(NOW)["access_token"], NOW) == FULL


def test_a_few_guesses_are_refused_and_the_others_have_to_wait():
    assert guesses(gate(), 12) == [REFUSED] * 10 + [WAIT] * 2


def test_one_more_guess_is_heard_every_six_seconds():
    one = gate()
    guesses(one, 20)
    assert guesses(one, 2, NOW + 6.0) == [REFUSED, WAIT]
    assert guesses(one, 12, NOW + 3_600) == [REFUSED] * 10 + [WAIT] * 2


@pytest.mark.parametrize("token", [LONG_TOKEN, "login"])
def test_a_long_token_comes_in_from_an_address_that_guesses(token):
    one = gate()
    guesses(one, 20)
    shown = one.login(NOW)["access_token"] if token == "login" else token
    assert one.admit(shown, "1.1.1.1", NOW) == FULL
    assert guesses(one, 1) == [WAIT]  # and guesses are no freer than before


def test_a_short_token_waits_like_a_wrong_one_at_an_address_that_guesses():
    one = gate()
    guesses(one, 20)
    assert one.admit("short", "1.1.1.1", NOW) == WAIT
    assert one.admit("to-read-only", "1.1.1.1", NOW) == WAIT
    assert one.admit("short", "2.2.2.2", NOW) == FULL
    assert one.admit("to-read-only", "2.2.2.2", NOW) == READ_ONLY


def test_a_password_is_not_told_by_its_beginning():
    one = gate()
    assert one.basic("dTpw")  # u:p
    for shown in ("dTo=", "OnA=", "dTpwcA==", "", "%%", "dTpw\n"):
        assert not one.basic(shown), shown
