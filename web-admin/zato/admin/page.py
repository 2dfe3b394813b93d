"""What every page declares: who may see it, and whether looking at it counts as being there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

from zato.common.config.kind import ROLES, Role

V = TypeVar('V', bound=Callable[..., Any])

PUBLIC: Literal['public'] = 'public'


class Declared(NamedTuple):
    """What `page` has been told of a view."""

    role: str
    is_polled: bool
    is_before_totp: bool
    takes_posts: bool


def page(
    role: Role | Literal['public'], *, is_polled: bool = False, is_before_totp: bool = False, takes_posts: bool = False
) -> Callable[[V], V]:
    """Declare a view. role: the least that its users need; PUBLIC for those without a session too.

    is_polled: does the browser ask for it by itself, so that it does not keep a session alive?
    is_before_totp: is it also for users who have to set TOTP up before anything else?
    takes_posts: does it take more than GET though it is for viewers, because it is about what is the user's own, or asks for
    another role for that itself? Other pages for viewers change nothing.
    A view without a declaration is shown to nobody.
    """

    def declare(view: V) -> V:
        view.zato_page = Declared(role, is_polled, is_before_totp, takes_posts or role != 'viewer')  # type: ignore[attr-defined]  # found by page_of()
        return view

    return declare


def page_of(view: Callable[..., Any]) -> Declared | None:
    """None if it declares nothing."""
    declared: Declared | None = getattr(view, 'zato_page', None)
    return declared


def may(own: str, needed: str) -> bool:
    """Does a user's role include the one that is needed?"""
    return own in ROLES and needed in ROLES and ROLES.index(own) >= ROLES.index(needed)
