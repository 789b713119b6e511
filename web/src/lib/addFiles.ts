// Files that were chosen, dropped or pasted come to lie ready; what can't is said.
import { t } from './i18n.svelte'
import { ATTACHMENTS_MAX, trays, type SentAs } from './tray.svelte'
import { ui } from './ui.svelte'

export function addFiles(chatKey: string, files: readonly File[], as: SentAs): void {
  const full = files.filter(({ size }) => size > 0)
  const left = trays.add(chatKey, full, as)
  if (left) ui.say(t('sending.too_many', { max: ATTACHMENTS_MAX }))
  else if (full.length < files.length) ui.say(t('sending.empty_files', { n: files.length - full.length }))
}
