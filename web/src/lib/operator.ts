// The operator's sections: what each is called, and what it takes to see it.
import type { Key } from './i18n.svelte'
import type { User } from './types'

export interface Section {
  path:
    | '/operator/people'
    | '/operator/invitations'
    | '/operator/applications'
    | '/operator/services'
    | '/operator/reports'
    | '/operator/signing-in'
    | '/operator/audit'
    | '/operator/events'
    | '/operator/storage'
  icon: string
  label: Key
  needs: string
}

export const SECTIONS: Section[] = [
  { path: '/operator/people', icon: 'users', label: 'operator.people', needs: 'auth.manage_people' },
  { path: '/operator/reports', icon: 'flag', label: 'operator.reports', needs: 'messaging.handle_reports' },
  {
    path: '/operator/invitations',
    icon: 'share',
    label: 'operator.invitations',
    needs: 'auth.manage_invitations',
  },
  {
    path: '/operator/applications',
    icon: 'grid',
    label: 'operator.applications',
    needs: 'auth.manage_applications',
  },
  {
    path: '/operator/services',
    icon: 'globe',
    label: 'operator.providers',
    needs: 'auth.manage_providers',
  },
  {
    path: '/operator/signing-in',
    icon: 'shield',
    label: 'operator.signing_in',
    needs: 'auth.manage_roles',
  },
  { path: '/operator/audit', icon: 'file', label: 'operator.audit', needs: 'auth.read_audit' },
  { path: '/operator/events', icon: 'layers', label: 'operator.events', needs: 'auth.manage_events' },
  { path: '/operator/storage', icon: 'folder', label: 'operator.storage', needs: 'auth.manage_events' },
]

/** A page of the server's own, outside the client. */
export const MAILBOX = { path: '/operator/mailbox', needs: 'auth.read_mailbox' }

export function may(user: User | undefined, permission: string): boolean {
  return user?.permissions.includes(permission) ?? false
}

export function sectionsOf(user: User | undefined): Section[] {
  return SECTIONS.filter(({ needs }) => may(user, needs))
}

/** Whether anything of it opens to this person. */
export function isOperator(user: User | undefined): boolean {
  return sectionsOf(user).length > 0 || may(user, MAILBOX.needs)
}
