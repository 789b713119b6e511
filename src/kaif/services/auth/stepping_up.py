"""What dangerous use cases ask first: was the person here just now, or only their session?"""

from kaif.engines.database import Database
from kaif.interfaces.auth import SessionEnded
from kaif.interfaces.auth.factors import AUTHENTICATION_FRESH_SECONDS, StepUpRequired, TooManyTries
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US
from kaif.services.auth import challenges, stored_sessions, ways_in
from kaif.services.auth.store import Reads


async def require_recent_authentication(reads: Reads, actor: Actor, now_us: int) -> None:
    """Raises StepUpRequired when that was more than 15 minutes ago, SessionEnded when there is no such session."""
    authenticated_at_us = await stored_sessions.find_authentication(reads, actor.user_id, actor.session_id)
    if authenticated_at_us is None:
        raise SessionEnded
    if now_us - authenticated_at_us > AUTHENTICATION_FRESH_SECONDS * SECOND_US:
        raise StepUpRequired(methods=await ways_in.proofs(reads, actor.user_id))


async def count_guess(database: Database, user_id: UserId, now_us: int) -> None:
    """Of somebody who is signed in and gives the password again; before the slow hash, so that guesses at the same
    time are all counted. Raises TooManyTries."""
    async with database.transaction() as tx:
        wait_us = await challenges.count_guess(tx, user_id, "step_up", now_us)
    if wait_us:
        raise too_many_tries(wait_us)


def too_many_tries(wait_us: int) -> TooManyTries:
    return TooManyTries(retry_after_ms=-(-wait_us // 1000))
