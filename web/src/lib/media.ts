// Files of messages as they are shown.
import { api, ok } from './api'
import { isGif } from './files'
import { forgetPictures, keptPath } from './keptPictures'
import { MediaLinks } from './mediaLinks.svelte'
import { session } from './session.svelte'
import { bestFormat } from './shows'
import type { Attachment, Shown } from './types'

export const media = new MediaLinks(
  async (media_ids) => (await ok(api.POST('/v1/media/links', { body: { media_ids } }))).links,
  bestFormat,
  {
    path: (id, rendition) => session.user && keptPath(id, session.user.id, rendition),
    forget: (ids) => void forgetPictures(ids).catch(() => {}),
  },
)

export type Visual = Attachment & { kind: 'image' | 'video'; shown: Shown }

/** Pictures and films whose sides are known stand in the log themselves; all else is a row. */
export function isVisual(attachment: Attachment): attachment is Visual {
  const { kind, shown } = attachment
  return (kind === 'image' || kind === 'video') && Boolean(shown?.width && shown.height)
}

/** All that is to be made of it has been; which goes without saying of most. */
export function isReady({ state = 'ready' }: Attachment): boolean {
  return state === 'ready'
}

/** What moves on its own and makes no sound: an animation, or a short film that has none. */
export function isAnimation(file: Visual): boolean {
  const { kind, shown } = file
  if (kind === 'image') return shown.animated ?? false
  if (isGif(file)) return true
  return !shown.has_sound && (shown.duration_ms ?? 0) > 0 && shown.duration_ms! <= ANIMATION_MS_MAX
}

const ANIMATION_MS_MAX = 20_000
