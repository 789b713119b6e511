// The rules of a new account, checked before the server is asked.
import { t } from './i18n.svelte'

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
const PASSWORD_MIN = 15
const PASSWORD_MAX = 1024

export function checkAccount(account: Account): AccountErrors {
  const errors: AccountErrors = {}
  const username = account.username.trim().toLowerCase()
  const password = [...account.password].length
  const name = account.display_name.trim()
  if (!username) errors.username = t('error.required')
  else if (!USERNAME.test(username)) errors.username = t('error.username')
  if (!account.email.trim()) errors.email = t('error.required')
  else if (!EMAIL.test(account.email.trim())) errors.email = t('error.email')
  if (password < PASSWORD_MIN) errors.password = t('error.password_short', { n: PASSWORD_MIN - password })
  else if (password > PASSWORD_MAX) errors.password = t('error.password_long')
  if ([...name].length > 64 || CONTROL_OR_BIDI.test(name)) errors.display_name = t('error.display_name')
  return errors
}

/** The account as the server wants it; an empty name is left for the server to choose. */
export function accountBody({ display_name, username, email, password }: Account) {
  const name = display_name.trim()
  return {
    username: username.trim().toLowerCase(),
    email: email.trim(),
    password,
    ...(name ? { display_name: name } : {}),
  }
}
