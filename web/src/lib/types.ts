// Names for what travels over the wire; the shapes themselves come from openapi.json.
import type { components, paths } from '../api.gen'

type Json<T> = T extends { content: { 'application/json': infer Body } } ? Body : never
type Ok<
  Path extends keyof paths,
  Method extends keyof paths[Path],
  Status extends number,
> = paths[Path][Method] extends {
  responses: infer Responses
}
  ? Status extends keyof Responses
    ? Json<Responses[Status]>
    : never
  : never

export type Tokens = Ok<'/v1/auth/login', 'post', 200>
export type User = Tokens['user']
export type SecondFactors = Ok<'/v1/auth/second-factors', 'get', 200>
export type TotpBegun = Ok<'/v1/auth/totp', 'post', 200>
export type Passkey = Ok<'/v1/auth/passkeys', 'get', 200>['passkeys'][number]
export type PasskeyCreation = Ok<'/v1/auth/passkeys/begin', 'post', 200>
export type PasskeyRequest = Ok<'/v1/auth/passkeys/sign-in/begin', 'post', 200>
export type NewCredential = components['schemas']['NewCredential']
export type Assertion = components['schemas']['Assertion']
export type ApiKey = Ok<'/v1/auth/api-keys', 'get', 200>['keys'][number]
export type NewApiKey = Ok<'/v1/auth/api-keys', 'post', 201>
export type Bot = Ok<'/v1/auth/bots', 'get', 200>['bots'][number]
export type BotWithKey = Ok<'/v1/auth/bots', 'post', 201>
export type Wallet = Ok<'/v1/auth/wallets', 'get', 200>['wallets'][number]
export type WalletChallenge = Ok<'/v1/auth/wallets/sign-in/begin', 'post', 200>
export type WalletBeginning = components['schemas']['BeginWallet']
export type WalletProof = components['schemas']['EthereumProof'] | components['schemas']['TonProof']
export type SignInService = Ok<'/v1/auth/services', 'get', 200>['services'][number]
export type Identity = Ok<'/v1/auth/identities', 'get', 200>['identities'][number]
export type ServiceAnswer = components['schemas']['ServiceAnswer']
/** A sign-in on a device, as its owner sees it. */
export type DeviceSession = Ok<'/v1/auth/sessions', 'get', 200>['sessions'][number]
/** What an application wants of a person, and what the person has to do next. */
export type Claimant = Ok<'/v1/auth/email/consider', 'post', 200>
export type Considered = Ok<'/v1/auth/authorizations/consider', 'post', 200>
export type AllowedApplication = Ok<'/v1/auth/allowed-applications', 'get', 200>['applications'][number]
export type Erasure = Ok<'/v1/auth/erasures/{erasure_id}', 'get', 200>
export type NotificationSettings = Required<Ok<'/v1/messaging/notifications', 'get', 200>>
export type DigestSettings = Required<Ok<'/v1/messaging/digest', 'get', 200>>
export type Lookalike = Ok<'/v1/messaging/lookalikes', 'post', 200>['lookalikes'][number]
export type Person = Ok<'/v1/auth/people', 'get', 200>['people'][number]

// The operator's
export type AccountSummary = Ok<'/v1/auth/accounts', 'get', 200>['accounts'][number]
export type AccountDetails = Ok<'/v1/auth/accounts/{user_id}', 'get', 200>
export type AuditPage = Ok<'/v1/auth/audit', 'get', 200>
export type Audited = Ok<'/v1/auth/audit', 'get', 200>['entries'][number]
export type AuditAction = NonNullable<
  NonNullable<paths['/v1/auth/audit']['get']['parameters']['query']>['action']
>
export type Invitation = Ok<'/v1/auth/invitations', 'get', 200>['invitations'][number]
export type RegistrationMode = Ok<'/v1/auth/registration', 'get', 200>['mode']
export type RequiredOf = Ok<'/v1/auth/required-factors', 'get', 200>['required_of']
export type Application = Ok<'/v1/auth/applications', 'get', 200>['applications'][number]
export type ApplicationKind = Application['kind']
export type ApplicationWithSecret = Ok<'/v1/auth/applications', 'post', 201>
export type SigningKey = Ok<'/v1/auth/signing-keys', 'get', 200>['keys'][number]
export type Provider = Ok<'/v1/auth/providers', 'get', 200>['providers'][number]
export type ProviderKind = Provider['kind']
export type ProviderList = Ok<'/v1/auth/providers', 'get', 200>
export type StorageReport = Ok<'/v1/media/storage', 'get', 200>
export type CdnPurgeList = Ok<'/v1/media/cdn-purges', 'get', 200>
export type QuotaList = Ok<'/v1/media/quotas', 'get', 200>
export type RoleQuota = QuotaList['roles'][number]
export type Quota = RoleQuota['default']
export type PersonQuota = Ok<'/v1/media/quotas/people/{user_id}', 'get', 200>
export type MediaJob = Ok<'/v1/media/jobs', 'get', 200>['jobs'][number]
export type ParkedEvent = Ok<'/v1/auth/parked-events', 'get', 200>['events'][number]

/** An entry is known by its place; its `type` only tells it from other events of the socket. */
export type Entry = Omit<Ok<'/v1/messaging/chats/{chat_id}/entries', 'get', 200>['entries'][number], 'type'>
/** A file of a message. */
export type Attachment = NonNullable<Entry['attachments']>[number]
/** What is known of a picture, film or sound before its content is here. */
export type Shown = NonNullable<Attachment['shown']>
export type TextEntity = NonNullable<Entry['entities']>[number]
export type Button = NonNullable<Entry['buttons']>[number][number]
export type BotCommand = Ok<'/v1/messaging/chats/{chat_id}/commands', 'get', 200>['commands'][number]
export type Reaction = NonNullable<Entry['reactions']>[number]
export type Poll = components['schemas']['Poll']
export type Location = components['schemas']['Location']
export type NewPoll = NonNullable<
  paths['/v1/messaging/chats/{chat_id}/polls']['post']['requestBody']
>['content']['application/json']
/** What a message said before it was edited. */
export type Version = Ok<
  '/v1/messaging/chats/{chat_id}/messages/{seq}/versions',
  'get',
  200
>['versions'][number]
export type HistoryPart = Ok<'/v1/messaging/history', 'get', 200>
export type Chat = Omit<Ok<'/v1/messaging/chats/{chat_id}', 'get', 200>, 'last_entry'> & {
  last_entry?: Entry | null | undefined
}

export type ChatKind = Chat['kind']
export type Topic = Omit<
  Ok<'/v1/messaging/chats/{chat_id}/topics', 'get', 200>['topics'][number],
  'last_entry'
> & {
  last_entry?: Entry | null | undefined
}
export type Folder = Ok<'/v1/messaging/folders', 'get', 200>['folders'][number]

export type RightName = Chat['rights'][number]
export type ChatMember = Ok<'/v1/messaging/chats/{chat_id}/members', 'get', 200>['members'][number]
export type ChatBan = Ok<'/v1/messaging/chats/{chat_id}/bans', 'get', 200>['bans'][number]
export type ChatLink = Ok<'/v1/messaging/chats/{chat_id}/links', 'get', 200>['links'][number]
export type Webhook = Ok<'/v1/messaging/chats/{chat_id}/webhooks', 'get', 200>['webhooks'][number]
export type WebhookWithPath = Ok<'/v1/messaging/chats/{chat_id}/webhooks', 'post', 201>
export type OutgoingWebhookWithSecret = Ok<'/v1/messaging/bots/{bot_id}/webhook', 'post', 200>
export type OutgoingWebhook = OutgoingWebhookWithSecret['webhook']
export type DeliveryProblem = NonNullable<OutgoingWebhook['problem']>
export type JoinRequest = Ok<'/v1/messaging/chats/{chat_id}/join-requests', 'get', 200>['requests'][number]
export type Draft = Ok<'/v1/messaging/drafts', 'get', 200>['drafts'][number]
export type Scheduled = Ok<'/v1/messaging/scheduled', 'get', 200>['messages'][number]
export type Reminder = Ok<'/v1/messaging/reminders', 'get', 200>['reminders'][number]
export type ChatPreview = Ok<'/v1/messaging/invitations/preview', 'post', 200>
/** A message and the part of it for which it was found. */
export type FoundMessages = Ok<'/v1/messaging/search', 'post', 200>
export type FoundMessage = FoundMessages['messages'][number]

export type PrivacySettings = Ok<'/v1/messaging/privacy', 'get', 200>
export type Discussion = Ok<'/v1/messaging/chats/{chat_id}/discussion', 'post', 200>
export type Thread = Ok<'/v1/messaging/chats/{chat_id}/messages/{seq}/comments', 'get', 200>
export type PostCounts = Ok<'/v1/messaging/chats/{chat_id}/views', 'post', 200>['posts'][number]
export type Seen = Ok<'/v1/messaging/people/{user_id}/last-seen', 'get', 200>
export type PrivacyChange = components['schemas']['ChangePrivacy']
export type OwnReport = Ok<'/v1/messaging/own-reports', 'get', 200>['reports'][number]
export type ReportSummary = Ok<'/v1/messaging/reports', 'get', 200>['reports'][number]
export type Report = Ok<'/v1/messaging/reports/{report_id}', 'get', 200>
export type ReportReason = ReportSummary['reason']
export type Evidence = Report['evidence'][number]
export type ReportDecision = NonNullable<ReportSummary['decision']>
export type FirstContact = Ok<'/v1/messaging/chats/{chat_id}/first-contact', 'get', 200>

export type SentPlace = components['schemas']['SentPlace']

/** One's own, and the messages with it. */
export interface LargeFile {
  media: components['schemas']['Media']
  places: SentPlace[]
}

export type GivenAttachment = components['schemas']['GivenAttachment']

/** A file of a message that is on its way; `media_id` once the server has it. */
export interface UnsentAttachment {
  upload_id: string
  media_id?: string
  as: 'media' | 'file' | 'voice'
  spoiler: boolean
  name: string
  type: string
  size: number
  width?: number
  height?: number
  duration_ms?: number
  waveform?: number[]
}

/** A message that the server has not acknowledged yet. */
export interface Unsent {
  chat_id: string
  ref: string
  text: string
  topic_id?: number
  /** Of the channel that it goes to: then it is a comment. */
  post?: number
  reply_to?: number
  quote?: string
  silent?: boolean
  without_preview?: boolean
  attachments?: UnsentAttachment[]
  /** The reference of what goes before it: of several albums that were sent at once. */
  after?: string
  at: string
  state: 'pending' | 'failed'
  refusals: number
  /** Why it was refused: the server's code. */
  problem?: string
}

/** Events of docs/realtime.md, server to client. */
export type ServerEvent =
  | { type: 'hello'; user_id: string; chats: Record<string, number>; online: string[] }
  | ({ type: 'entry' } & Entry)
  | { type: 'refused'; ref: string; code: string; detail: string; retry_after_ms?: number }
  | { type: 'read'; chat_id: string; user_id: string; seq: number; topic_id?: number }
  | { type: 'typing'; chat_id: string; user_id: string; topic_id?: number }
  | ({ type: 'draft' } & Draft)
  | { type: 'callback_answer'; callback_id: string; text: string }
  | { type: 'folders'; folders: Folder[] }
  | { type: 'media'; media_id: string; state: NonNullable<Attachment['state']>; progress: number }
  | { type: 'scheduled'; chat_id: string; failed: boolean }
  | { type: 'report'; id: string; acted: boolean }
  | { type: 'reports' }
  | { type: 'purged'; chat_id: string; user_id: string; messages: number }
  | { type: 'chat'; chat_id: string; gone?: boolean }
  | { type: 'person'; person: Person }
  | { type: 'presence'; user_id: string; online: boolean }
  | { type: 'hidden'; chat_id: string; seqs: number[]; hidden: number }
  | { type: 'mentioned'; chat_id: string; seqs: number[]; topic_id?: number; gone?: boolean }
  | { type: 'vote'; chat_id: string; message: Entry }
  | { type: 'posts'; chat_id: string; posts: PostCounts[] }

/** Events of docs/realtime.md, client to server. */
export type ClientEvent =
  | {
      type: 'send'
      chat_id: string
      ref: string
      text: string
      topic_id?: number
      reply_to?: number
      quote?: string
      silent?: boolean
      without_preview?: boolean
      attachments?: GivenAttachment[]
      late?: boolean
    }
  | { type: 'read'; chat_id: string; seq: number; topic_id?: number }
  | { type: 'typing'; chat_id: string; topic_id?: number }
