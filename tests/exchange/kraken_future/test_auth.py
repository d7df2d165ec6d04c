"""The signed challenge, against what ccxt 4.5.90 computes for the same secret and challenge."""

import base64

import pytest

from millstream.exchange.credentials import Credentials
from millstream.exchange.kraken_future import auth, wire

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


@pytest.mark.parametrize(
    ("query", "authent"),
    [
        (
            "",
            "3cYqiKpIF2m7JGPv7KIyy9rLkQrTMwqzfzIyVbAuTPcV/A4x3FpRtxRcy1i8Oeylr//eC5j4cV+yPqNGNA3oBA==",
        ),
        (
            "continuation_token=T1",
            "A8oA5j0GHukVAOkgMaQs+Y6vUwGDpQmMsu5UZQR3W9NWVBEdua1BKaSgW9ZShpDu+YBPlkIRwS3naDFqyJTvBQ==",
        ),
    ],
)
def test_the_signature_of_the_history_is_that_of_ccxt(query, authent):
    signed = auth.headers(Credentials("KEY", SECRET), wire.HISTORY_PATH, query)
    assert signed == {"APIKey": "KEY", "Authent": authent}
