"""HTTP Basic Auth as FastAPI's tutorial has it, but in a coroutine: what is none runs in a thread, which costs far more."""

from __future__ import annotations

from secrets import compare_digest
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from tests.bench.exchange import PASSWORD, USERNAME

_USERNAME, _PASSWORD = USERNAME.encode(), PASSWORD.encode()


async def _user(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    is_username = compare_digest(credentials.username.encode(), _USERNAME)
    is_password = compare_digest(credentials.password.encode(), _PASSWORD)
    if not (is_username and is_password):
        raise HTTPException(401, headers={'WWW-Authenticate': 'Basic'})
    return credentials.username


User = Annotated[str, Depends(_user)]
