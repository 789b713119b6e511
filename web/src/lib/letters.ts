// What letters a person can be promised.
import type { User } from './types'

/**
 * Whether a letter that sets a password goes to the person's own address. It does to one that is confirmed. To another
 * it may not: somebody else may have proved it, which is not told; and with a role the account opens by no such letter,
 * as a slip of the keyboard would hand it to a stranger.
 */
export function letterForPassword(
  user: Pick<User, 'email_confirmed' | 'roles'>,
): 'sent' | 'perhaps' | 'none' {
  if (user.email_confirmed) return 'sent'
  return user.roles.length ? 'none' : 'perhaps'
}
