"""What dangerous use cases ask first: was the person here just now, or only their session?"""

from kaif.engines.database import Reads
from kaif.interfaces.auth import SessionEnded
from kaif.interfaces.auth.factors import AUTHENTICATION_FRESH_SECONDS, StepUpRequired
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US
from kaif.services.auth import ways_in
from kaif.services.auth.sessions import store as stored_sessions


async def require_recent_authentication(reads: Reads, actor: Actor, now_us: int) -> None:
    """Raises StepUpRequired when that was more than 15 minutes ago, SessionEnded when there is no such session."""
    authenticated_at_us = await stored_sessions.find_authentication(reads, actor.user_id, actor.session_id)
    if authenticated_at_us is None:
        raise SessionEnded
    if now_us - authenticated_at_us > AUTHENTICATION_FRESH_SECONDS * SECOND_US:
        raise StepUpRequired(methods=await ways_in.proofs(reads, actor.user_id))
