// The rules of a new account, checked before the server is asked.
import { i18n, t } from './i18n.svelte'
import { bytesOf, lengthOf, PASSWORD_BYTES_MAX, PASSWORD_MIN, strengthOf } from './passwords'

export interface Account {
  display_name: string
  username: string
  email: string
  password: string
}

export type AccountErrors = { [field in keyof Account]?: string }

const USERNAME = /^[a-z0-9][a-z0-9._-]{2,31}$/
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/
const CONTROL_OR_BIDI = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

export function checkAccount(account: Account, withPassword = true): AccountErrors {
  const errors: AccountErrors = {}
  const username = account.username.trim().toLowerCase()
  if (!username) errors.username = t('error.required')
  else if (!USERNAME.test(username)) errors.username = t('error.username')
  const email = emailError(account.email)
  if (email) errors.email = email
  const password = withPassword ? passwordError(account.password, knownOf(account)) : undefined
  if (password) errors.password = password
  const displayName = displayNameError(account.display_name)
  if (displayName) errors.display_name = displayName
  return errors
}

export function emailError(email: string): string | undefined {
  if (!email.trim()) return t('error.required')
  return EMAIL.test(email.trim()) ? undefined : t('error.email')
}

export function displayNameError(displayName: string): string | undefined {
  const name = displayName.trim()
  return [...name].length > 64 || CONTROL_OR_BIDI.test(name) ? t('error.display_name') : undefined
}

/** What is wrong with a new password, before the server is asked. */
export function passwordError(password: string, about: string[], min = PASSWORD_MIN): string | undefined {
  const length = lengthOf(password)
  if (length < min) return t('error.password_short', { n: min - length })
  if (bytesOf(password) > PASSWORD_BYTES_MAX) return t('problem.password_too_long')
  if (strengthOf(password, about, min) === 'obvious') return t('problem.password_too_obvious')
  return undefined
}

/** What others know of the person, and guess first. */
export function knownOf({ username, email, display_name }: Account): string[] {
  return [username, email, display_name]
}

/** The account as the server wants it. */
export function accountBody(account: Account) {
  return { ...whoOf(account), password: account.password }
}

/** Of somebody who has come by a sign-in service: its word stands in for a password. */
export function newcomerBody(account: Account, ticket: string) {
  return { ...whoOf(account), ticket }
}

/** An empty name is left for the server to choose. */
function whoOf({ display_name, username, email }: Account) {
  const name = display_name.trim()
  return {
    username: username.trim().toLowerCase(),
    email: email.trim(),
    // Letters are written in the language in which the account was made.
    language: i18n.locale,
    ...(name ? { display_name: name } : {}),
  }
}
