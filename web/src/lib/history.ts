// One's history as a file: the server gives it in parts, and the browser keeps them outside of the page's memory.
import { api, ok } from './api'
import { downloadBlob } from './copying'
import { i18n } from './i18n.svelte'

export type HistoryFormat = 'json' | 'html'

/** Of one chat, or of all. */
export async function downloadHistory(format: HistoryFormat, chatId?: string): Promise<void> {
  const parts: Blob[] = []
  let cursor = ''
  for (;;) {
    const query = { format, language: i18n.locale, cursor, ...(chatId ? { chat_id: chatId } : {}) }
    const part = await ok(api.GET('/v1/messaging/history', { params: { query } }))
    parts.push(new Blob([part.content]))
    if (part.next_cursor === null || part.next_cursor === undefined) break
    cursor = part.next_cursor
  }
  const type = format === 'json' ? 'application/json' : 'text/html;charset=utf-8'
  const day = new Date().toISOString().slice(0, 10)
  downloadBlob(`kaif-ozero-${day}.${format}`, new Blob(parts, { type }))
}
