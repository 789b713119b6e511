// The audit log in words.
import { isKey, t, type Key } from './i18n.svelte'
import { shownName } from './people.svelte'
import { roleName } from './roles'
import { sizeOf } from './sizes'
import type { AuditAction, Audited, Person } from './types'

/** What each action is called in a list of them. The type makes sure that none is forgotten. */
export const ACTIONS: Record<AuditAction, Key> = {
  account_created: 'action.account_created',
  signed_in: 'action.signed_in',
  sign_in_failed: 'action.sign_in_failed',
  stuffing_suspected: 'action.stuffing_suspected',
  stepped_up: 'action.stepped_up',
  step_up_failed: 'action.step_up_failed',
  signed_out: 'action.signed_out',
  session_stolen: 'action.session_stolen',
  email_confirmed: 'action.email_confirmed',
  email_change_asked: 'action.email_change_asked',
  email_disowned: 'action.email_disowned',
  password_changed: 'action.password_changed',
  password_reset: 'action.password_reset',
  account_deleted: 'action.account_deleted',
  session_ended: 'action.session_ended',
  other_sessions_ended: 'action.other_sessions_ended',
  sessions_displaced: 'action.sessions_displaced',
  account_suspended: 'action.account_suspended',
  account_restored: 'action.account_restored',
  avatar_taken: 'action.avatar_taken',
  chat_picture_taken: 'action.chat_picture_taken',
  chat_restored: 'action.chat_restored',
  role_defined: 'action.role_defined',
  role_dropped: 'action.role_dropped',
  role_granted: 'action.role_granted',
  role_revoked: 'action.role_revoked',
  second_factor_added: 'action.second_factor_added',
  second_factor_removed: 'action.second_factor_removed',
  recovery_codes_renewed: 'action.recovery_codes_renewed',
  passkey_added: 'action.passkey_added',
  passkey_removed: 'action.passkey_removed',
  passkey_cloned: 'action.passkey_cloned',
  registration_changed: 'action.registration_changed',
  required_factors_changed: 'action.required_factors_changed',
  invitation_made: 'action.invitation_made',
  invitation_revoked: 'action.invitation_revoked',
  sessions_taken: 'action.sessions_taken',
  password_reset_forced: 'action.password_reset_forced',
  reset_link_handed_out: 'action.reset_link_handed_out',
  confirmation_sent: 'action.confirmation_sent',
  second_factors_taken: 'action.second_factors_taken',
  event_retried: 'action.event_retried',
  event_dropped: 'action.event_dropped',
  media_job_retried: 'action.media_job_retried',
  media_job_discarded: 'action.media_job_discarded',
  media_job_stopped: 'action.media_job_stopped',
  cdn_purges_retried: 'action.cdn_purges_retried',
  quota_set: 'action.quota_set',
  identity_unlinked: 'action.identity_unlinked',
  identity_linked: 'action.identity_linked',
  provider_removed: 'action.provider_removed',
  provider_changed: 'action.provider_changed',
  provider_added: 'action.provider_added',
  wallet_unlinked: 'action.wallet_unlinked',
  wallet_linked: 'action.wallet_linked',
  api_key_used: 'action.api_key_used',
  api_key_revoked: 'action.api_key_revoked',
  api_key_taken: 'action.api_key_taken',
  api_key_made: 'action.api_key_made',
  bot_made: 'action.bot_made',
  bot_key_renewed: 'action.bot_key_renewed',
  bot_webhook_set: 'action.bot_webhook_set',
  bot_webhook_removed: 'action.bot_webhook_removed',
  bot_key_revoked: 'action.bot_key_revoked',
  bot_deleted: 'action.bot_deleted',
  signing_keys_rotated: 'action.signing_keys_rotated',
  application_token_stolen: 'action.application_token_stolen',
  application_code_reused: 'action.application_code_reused',
  application_access_ended: 'action.application_access_ended',
  application_signed_in: 'action.application_signed_in',
  application_allowed: 'action.application_allowed',
  application_removed: 'action.application_removed',
  application_secret_renewed: 'action.application_secret_renewed',
  application_changed: 'action.application_changed',
  application_added: 'action.application_added',
  report_decided: 'action.report_decided',
  person_purged: 'action.person_purged',
}

const WARNINGS = [
  'sign_in_failed',
  'step_up_failed',
  'stuffing_suspected',
  'session_stolen',
  'passkey_cloned',
  'application_code_reused',
  'application_token_stolen',
]
const LOSSES = [
  'account_suspended',
  'account_deleted',
  'password_reset_forced',
  'reset_link_handed_out',
  'second_factors_taken',
]

export function toneOf({ action }: Audited): 'warn' | 'danger' | '' {
  if (WARNINGS.includes(action)) return 'warn'
  return LOSSES.includes(action) ? 'danger' : ''
}

export function iconOf({ action }: Audited): string {
  if (['passkey_cloned', 'session_stolen', 'stuffing_suspected'].includes(action)) return 'shield-warn'
  if (action.includes('passkey')) return 'passkey'
  if (action.startsWith('application')) return 'grid'
  if (action.startsWith('provider') || action.startsWith('identity')) return 'globe'
  if (action.startsWith('wallet')) return 'wallet'
  if (action.includes('key')) return 'key'
  if (action.includes('factor') || action.includes('recovery')) return 'clock'
  if (action.includes('role')) return 'shield'
  if (action === 'quota_set') return 'folder'
  if (action.includes('password')) return 'key'
  if (action.includes('invitation') || action.includes('registration')) return 'share'
  if (action.includes('session') || action.startsWith('sign') || action.startsWith('step')) return 'laptop'
  if (action.includes('event')) return 'layers'
  if (['report_decided', 'chat_picture_taken', 'chat_restored', 'person_purged'].includes(action))
    return 'flag'
  return action === 'account_suspended' ? 'lock' : 'user'
}

/** The entry as a sentence; an action that this client does not know yet keeps its code. */
export function sentenceOf(entry: Audited, people: ReadonlyMap<string, Person>): string {
  const key = `told.${entry.action}${variantOf(entry)}`
  if (!isKey(key)) return entry.action
  const { role, roles, count, device, mode, event, network, name, file_max, total_max } =
    entry.details as Details
  return t(key, {
    name: nameOf(entry.actor_id, people),
    title: nameOf(entry.subject_id, people),
    role: roleName(role ?? roles ?? ''),
    device: device ?? '',
    mode: modeName(mode ?? ''),
    event: event ?? '',
    network: network ?? '',
    application: name ?? '',
    value: sizeOrDefault(file_max),
    max: sizeOrDefault(total_max),
    n: count ?? 0,
  })
}

interface Details {
  role?: string
  roles?: string
  count?: number
  device?: string
  mode?: string
  event?: string
  network?: string
  name?: string
  file_max?: number | null
  total_max?: number | null
  decision?: string
  invitation?: string
  second_factor?: boolean
  passkey?: string
  wallet?: string
  provider?: string
}

/** Some actions are told in another way when their details say more. */
function variantOf({ action, subject_id, details }: Audited): string {
  const { role, device, invitation, second_factor, passkey, wallet, provider, name, decision } =
    details as Details
  if (action === 'account_created' && invitation) return '_invited'
  if (action === 'signed_in' && !device) return '_somewhere'
  if (action === 'sign_in_failed' && passkey) return '_passkey'
  if (action === 'sign_in_failed' && wallet) return '_wallet'
  if (action === 'sign_in_failed' && provider) return '_service'
  if (action === 'sign_in_failed' && second_factor) return '_code'
  if (action === 'sign_in_failed' && !subject_id) return '_nobody'
  if (action === 'report_decided') return `_${decision}${subject_id ? '' : '_nobody'}`
  if ((action === 'invitation_made' || action === 'quota_set') && role) return '_role'
  // Entries of an earlier version name no application.
  if (action.startsWith('application_') && action !== 'application_removed' && name) return '_named'
  return ''
}

function sizeOrDefault(bytes: number | null | undefined): string {
  return typeof bytes === 'number' ? sizeOf(bytes) : t('quotas.by_default')
}

function nameOf(id: string, people: ReadonlyMap<string, Person>): string {
  const person = people.get(id)
  return person ? shownName(person) : t('audit.somebody')
}

export function modeName(mode: string): string {
  const key = [`registration.${mode}`, `required.${mode}`].find(isKey)
  return key ? t(key) : mode
}
