// Roles by the names that people read.
import { isKey, t } from './i18n.svelte'

/** Those that every server has, beside that of a member. */
export const BUILT_IN_ROLES = ['owner', 'admin', 'compliance', 'support', 'moderator', 'seller']

/** The server's own roles are called what the operator called them. */
export function roleName(role: string): string {
  const key = `role.${role}`
  return isKey(key) ? t(key) : role
}

export function permissionName(permission: string): string {
  const key = `permission.${permission}`
  return isKey(key) ? t(key) : permission
}
