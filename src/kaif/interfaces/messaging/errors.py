"""Why messaging refuses: what several of its promises raise. What belongs to one topic stands with that topic."""

from kaif.kernel.errors import Conflict, Forbidden, Invalid, Limited, NotFound


class ChatNotFound(NotFound):
    code, detail = "chat_not_found", "There is no such chat, or you are not in it."


class PersonNotReachable(Forbidden):
    """Because of a block, or of what they have chosen: which of them is theirs to know."""

    code, detail = "person_not_reachable", "You can't write to this person."


class InvitationNeeded(Forbidden):
    """Details carry user_ids, those who can only be invited."""

    code, detail = "invitation_needed", "Some of these people can't be added: send them an invitation."


class ButtonsForBots(Forbidden):
    code, detail = "buttons_for_bots", "Only bots put buttons under what they say."


class BadButtons(Invalid):
    """Or all together are more than 8 KiB."""

    code, detail = "bad_buttons", "A button has a text, and either data of 64 bytes at most or an address on the web."


class NotForBots(Forbidden):
    code, detail = "not_for_bots", "Bots make no groups and join none by themselves: people add them."


class UnknownMember(Invalid):
    code, detail = "unknown_member", "There is no such person here."


class BadTitle(Invalid):
    code, detail = "bad_title", "A group needs a title with a letter or digit and no invisible characters."


class BadText(Invalid):
    code, detail = "bad_text", "The message is empty or holds characters that cannot be shown."


class BadReply(Invalid):
    code, detail = "bad_reply", "There is no such message to reply to."


class BadQuote(Invalid):
    code, detail = "bad_quote", "The message replied to does not say this."


class BadCursor(Invalid):
    code, detail = "bad_cursor", "This cursor did not come from an earlier page."


class NotAGroup(Conflict):
    code, detail = "not_a_group", "Only groups and channels have members that change."


class TooManyMembers(Conflict):
    code, detail = "too_many_members", "The chat has no room for so many."


class OwnersOnly(Forbidden):
    code, detail = "owners_only", "Only the chat's owner may do this."


class RightMissing(Forbidden):
    """Details carry right, the one that is missing."""

    code, detail = "right_missing", "You may not do this here."


class MayNotSend(Forbidden):
    code, detail = "may_not_send", "You may not write here."


class LinksNotAllowed(Forbidden):
    code, detail = "links_not_allowed", "You may not send links here."


class SlowMode(Limited):
    """Details carry retry_after_ms."""

    code, detail = "slow_mode", "This group is slow: wait before you write again."


class TooManyMessages(Limited):
    """Of one sender's in this chat, or of all its bots'. Details carry retry_after_ms."""

    code, detail = "too_many_messages", "Too many messages in this chat: wait a moment."


class MembersHidden(Forbidden):
    code, detail = "members_hidden", "Only admins see who is here."


class MemberBanned(Forbidden):
    code, detail = "member_banned", "Who is banned here can't come in."


class OwnerMustStay(Conflict):
    code, detail = "owner_must_stay", "Give the channel to somebody else first, or delete it."
