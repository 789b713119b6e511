// The pure rules of a chat's line in the list.
import { countUnread, firstSeq, isForReading, lastSeq } from './log'
import { unreadOf, withoutMentions } from './mentions'
import { withAction } from './states'
import type { Chat, Entry } from './types'

const SHOWN_KINDS = new Set<string>([
  'message',
  'created',
  'joined',
  'left',
  'renamed',
  'changed',
  'promoted',
  'demoted',
  'restricted',
  'unrestricted',
  'banned',
  'transferred',
  'suspended',
  'restored',
  'topic_made',
  'topic_closed',
  'topic_reopened',
  'topic_deleted',
  'timer',
])
/** What these say is not only about the log: the chat itself is different. */
const CHANGING_KINDS = new Set<string>([
  'renamed',
  'changed',
  'promoted',
  'demoted',
  'restricted',
  'unrestricted',
  'transferred',
  'suspended',
  'restored',
  'timer',
  'topic_moved',
])
/** In larger chats only the one who looks at the chat asks at once what has changed: all of them would be a crowd. */
const CROWD = 200

/** Whether the chat must be fetched anew because of this entry. */
export function changesChat(entry: Entry, chat: Chat, me: string, open: boolean): boolean {
  if (!CHANGING_KINDS.has(entry.kind)) return false
  if (entry.user_ids?.length) return entry.user_ids.includes(me)
  // It is about others, whom one does not see.
  if (entry.people_count) return false
  return open || chat.members_count <= CROWD
}

/** Whether the entry takes these people out of the chat. */
export function takesOut(entry: Entry): boolean {
  return entry.kind === 'left' || entry.kind === 'banned'
}

/** The chat after one more entry, or undefined when entries before it are missing. */
export function withEntry(chat: Chat, entry: Entry, me: string): Chat | undefined {
  if (entry.seq <= chat.seq) return chat
  if (entry.seq > chat.seq + 1) return undefined
  const people = entry.people_count || (entry.user_ids?.length ?? 0)
  return {
    ...chat,
    seq: entry.seq,
    unanswered: chat.unanswered && !(entry.kind === 'message' && entry.sender_id === me),
    unread: chat.unread + (isForReading(entry, me) ? 1 : 0),
    members_count: chat.members_count + (entry.kind === 'joined' ? people : takesOut(entry) ? -people : 0),
    title: entry.kind === 'renamed' && entry.title ? entry.title : chat.title,
    last_entry: SHOWN_KINDS.has(entry.kind) ? entry : changed(chat.last_entry, entry, me),
    ...(entry.kind === 'deleted' && entry.target
      ? { mentions: withoutMentions(chat.mentions, [entry.target]) }
      : {}),
  }
}

/** What is done with the newest message changes how it reads in the list. */
function changed(last: Chat['last_entry'], action: Entry, me: string): Chat['last_entry'] {
  return last && last.seq === action.target ? withAction(last, action, { me, personal: false }) : last
}

/** What the server says, except where we already know better: an answer may be older than an event. */
export function merged(known: Chat | undefined, fetched: Chat): Chat {
  if (!known) return fetched
  const older = fetched.seq < known.seq
  const read_seq = Math.max(known.read_seq, fetched.read_seq)
  return {
    ...fetched,
    ...(older ? { seq: known.seq, last_entry: known.last_entry, members_count: known.members_count } : {}),
    mentions: unreadOf(older ? known.mentions : fetched.mentions, fetched.topics ? 0 : read_seq),
    unread: older ? known.unread : read_seq >= fetched.seq ? 0 : fetched.unread,
    read_seq,
    others_read_seq: Math.max(known.others_read_seq, fetched.others_read_seq),
  }
}

/** How much of the chat is unread once the mark has moved to this entry, as exactly as the loaded window can tell. */
export function unreadAfter(chat: Chat, seq: number, window: readonly Entry[], me: string): number {
  if (seq >= chat.seq) return 0
  const [first, last] = [firstSeq(window), lastSeq(window)]
  if (first && first <= seq + 1 && last >= chat.seq) return countUnread(window, seq, me)
  // Between the two marks: from far up the end is not in sight, but what has just been read is.
  if (first && first <= chat.read_seq + 1 && last >= seq)
    return Math.max(0, chat.unread - countUnread(window, chat.read_seq, me, seq))
  return Math.min(chat.unread, chat.seq - seq)
}

/** When something last happened here: the order of the list. */
export function activityOf(chat: Chat): string {
  return chat.last_entry?.at ?? chat.created_at
}
