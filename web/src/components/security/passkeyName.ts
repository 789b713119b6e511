// What may stand in a passkey's name, checked before the server is asked.
import { displayNameError } from '../../lib/account'
import { t } from '../../lib/i18n.svelte'

export function checkPasskeyName(name: string): string | undefined {
  if (!name.trim()) return t('error.required')
  return displayNameError(name) ? t('problem.bad_passkey_name') : undefined
}
