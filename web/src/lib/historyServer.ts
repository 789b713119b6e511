// A history and its files, as the server gives them.
import { api, ok } from './api'
import type { HistorySource } from './history'
import { i18n } from './i18n.svelte'
import { Problem } from './problems'
import { ownZone } from './quietHours'

export const server: HistorySource = {
  part: ({ format, withFiles, chat }, cursor, signal) => {
    const of = chat ? { chat_id: chat.id } : {}
    const asked = { language: i18n.locale, time_zone: ownZone() }
    const query = { format, cursor, with_files: withFiles, ...asked, ...of }
    return ok(api.GET('/v1/messaging/history', { params: { query }, signal }))
  },
  links: async (media_ids, signal) => {
    const { links } = await ok(api.POST('/v1/media/links', { body: { media_ids }, signal }))
    return new Map(links.map(({ media_id, path }) => [media_id, path]))
  },
  piece: async (link, start, length, signal) => {
    const headers = { Range: `bytes=${start}-${start + length - 1}` }
    let response: Response
    let content: Blob
    try {
      response = await fetch(link, { headers, signal })
      content = await response.blob()
    } catch {
      throw new Problem('offline')
    }
    if (response.status === 404) return undefined
    if (!response.ok) {
      const retryAfterS = Number(response.headers.get('Retry-After')) || undefined
      throw new Problem('busy', response.status, retryAfterS ? { retryAfterS } : {})
    }
    const total = Number(response.headers.get('Content-Range')?.split('/')[1] ?? content.size)
    // A piece that is cut short is as good as none.
    if (content.size !== Math.min(length, total - start)) throw new Problem('offline')
    return { content, total }
  },
}
