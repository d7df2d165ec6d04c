"""The signed challenge, against what ccxt 4.5.90 computes for the same secret and challenge."""

import base64

from millstream.exchange.credentials import Credentials
from millstream.exchange.kraken_future import auth

SECRET = base64.b64encode(b"a secret of some bytes").decode()
CHALLENGE = "226aee50-88fc-4618-a42a-34f7709570b2"


def test_the_signed_challenge_is_that_of_ccxt():
    assert auth.proof(Credentials("KEY", SECRET), CHALLENGE) == {
        "api_key": "KEY",
        "original_challenge": CHALLENGE,
        "signed_challenge": (
            "Cbi5qj9AmZuyBFlxX+UsyaZdjdSpYolZwrVO41ERq3/AQ+S0W7Qy/oIl7OyGCP9LUmHQJnMKiw6a4YVUmVKphw=="
        ),
    }
