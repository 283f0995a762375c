"""A flood of keys that do not work: its answers are limited, everybody else's are not."""

from __future__ import annotations

from gateway import Api
from process import Gateway

FLOOD_COUNT = 300
ALLOWED_AT_ONCE = 20


def test_a_flood_of_bad_keys_does_not_keep_the_operator_out(gateway: Gateway, owner: Api) -> None:
    mailer = owner.create_agent("mailer")
    flood = Api(gateway.url, "axme_sa_sak_nobody", keep_alive=True)
    answers = [flood.get("/v1/keys") for _ in range(FLOOD_COUNT)]
    for answer in answers[:ALLOWED_AT_ONCE]:
        answer.refused(401, "invalid_platform_api_key")
    limited = [answer for answer in answers if answer.status == 429]
    for answer in limited:
        answer.refused(429, "too_many_sign_ins")
        assert answer.headers["retry-after"] == "1"
    assert {answer.status for answer in answers} == {401, 429}

    owner.with_key(mailer.key).get("/v1/keys/self").expect()
    assert owner.kill(mailer.name)["status"] == "killed"
