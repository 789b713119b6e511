// One's history as a file, or with its files as an archive: what is asked for, and under which name it is saved.
import type { HistoryPart } from './types'

export type HistoryFormat = 'json' | 'html'

/** Of one chat, or of all. */
export interface WantedHistory {
  format: HistoryFormat
  withFiles: boolean
  chat?: { id: string; title: string } | undefined
}

/** Where histories come from: the server, or what stands for it in a test. */
export interface HistorySource {
  part: (wanted: WantedHistory, cursor: string, signal: AbortSignal) => Promise<HistoryPart>
  /** Links to those of these files, at most LINKS_AT_ONCE, that one may see. */
  links: (mediaIds: string[], signal: AbortSignal) => Promise<Map<string, string>>
  /** So many bytes from there, or up to its end; undefined when the link opens nothing. */
  piece: (link: string, start: number, length: number, signal: AbortSignal) => Promise<Piece | undefined>
}

/** `total` is the size of the file as it is served: a picture's is not the one that it was sent with. */
export interface Piece {
  content: Blob
  total: number
}

export const LINKS_AT_ONCE = 100
const NAME_MAX = 60

/** Signs that some file system or other minds are left out of names. */
export function nameOfHistory({ format, withFiles, chat }: WantedHistory, day: string): string {
  const title = (chat?.title ?? '').replace(/[^\p{L}\p{N} ._-]+/gu, '_').trim()
  const of = title ? `-${[...title].slice(0, NAME_MAX).join('')}` : ''
  return `kaif-ozero${of}-${day}.${withFiles ? 'zip' : format}`
}
