// If types ever stop being checked, or the generated paths turn into `any`, this file fails the check.
import { api } from './lib/api'
import { t } from './lib/i18n.svelte'

export async function canary(): Promise<void> {
  // @ts-expect-error there is no such path
  await api.GET('/v1/no-such-path')
  // @ts-expect-error there is no such text
  t('no.such.key')
  // @ts-expect-error a login without a password
  await api.POST('/v1/auth/login', { body: { login: 'anna' } })
}
