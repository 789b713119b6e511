// Files that were chosen, dropped or pasted come to lie ready; what can't is said.
import type { ChatModel } from './chat.svelte'
import { t } from './i18n.svelte'
import { ALBUM_MAX } from './outgoing'
import { isSlow } from './slowMode'
import { LAID_MAX, trays, type SentAs } from './tray.svelte'
import { ui } from './ui.svelte'

export function addFiles(chat: ChatModel, files: readonly File[], as: SentAs): void {
  const full = files.filter(({ size }) => size > 0)
  // Where one may say one thing at a time, a second album would be refused.
  const max = isSlow(chat.summary) ? ALBUM_MAX : LAID_MAX
  const left = trays.add(chat.draftKey, full, as, max)
  if (left) ui.say(t('sending.too_many', { max }))
  else if (full.length < files.length) ui.say(t('sending.empty_files', { n: files.length - full.length }))
}
