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

/** Of a refusal: its content can't be shown, and may go as a file all the same. */
const MAY_GO_AS_FILE = new Set([
  'wrong_type',
  'not_an_image',
  'image_damaged',
  'image_file_too_large',
  'too_many_pixels',
  'too_many_frames',
  'image_too_demanding',
  'not_playable',
  'film_damaged',
  'film_too_long',
  'film_too_large',
  'film_too_demanding',
])

export function mayGoAsFile({ state, problem }: Upload): boolean {
  return state === 'failed' && MAY_GO_AS_FILE.has(problem?.code ?? '')
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
  if (attachments[0]!.as === 'voice') return t('sending.voice')
  return text || t('sending.count', { n: attachments.length })
}
