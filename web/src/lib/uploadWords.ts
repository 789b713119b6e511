// What is said of a file on its way.
import { t } from './i18n.svelte'
import { wordsFor } from './problems'
import { sizeOf } from './sizes'
import { Refusal } from './tus'
import type { Unsent } from './types'
import type { Upload } from './uploads.svelte'

export function stateWords(upload: Upload): string {
  switch (upload.state) {
    case 'failed':
      return problemWords(upload)
    case 'done':
      return t('sending.done')
    case 'sending':
      return t('sending.sent', { percent: upload.percent })
    default:
      return t(`sending.state_${upload.state}`)
  }
}

function problemWords({ problem }: Upload): string {
  const bytes = problem instanceof Refusal ? problem.bytes : undefined
  if (problem?.code === 'file_too_large' && bytes) return t('sending.too_large', { max: sizeOf(bytes) })
  if (problem?.code === 'quota_exceeded' && bytes !== undefined)
    return t('sending.no_room', { max: sizeOf(bytes) })
  return wordsFor(problem)
}

/** A message on its way, in a line of words. */
export function unsentLine({ text, attachments = [] }: Unsent): string {
  if (!attachments.length) return text
  if (attachments[0]!.as === 'voice') return `🎤 ${t('sending.voice')}`
  return `📎 ${text || t('sending.count', { n: attachments.length })}`
}
