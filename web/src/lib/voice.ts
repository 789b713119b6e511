// A recording on its way as a voice message.
import type { Recording } from './recorder.svelte'
import type { UnsentAttachment } from './types'
import { uploads } from './uploads.svelte'

export function unsentVoice({ file, durationMs, waveform }: Recording): UnsentAttachment {
  const { id } = uploads.add(file, file.name, { voice: true })
  return {
    upload_id: id,
    as: 'voice',
    spoiler: false,
    name: file.name,
    type: file.type,
    size: file.size,
    duration_ms: Math.round(durationMs),
    waveform,
  }
}
