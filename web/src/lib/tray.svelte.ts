// What lies ready to be sent, per chat: files that are uploaded while the words to them are written.
import { SvelteMap } from 'svelte/reactivity'
import type { UnsentAttachment } from './types'
import { uploads } from './uploads.svelte'

const PREFIX = 'kaif.tray.'
/** As many as one message carries. */
export const ATTACHMENTS_MAX = 10

export type SentAs = UnsentAttachment['as']

export interface TrayItem {
  upload_id: string
  as: SentAs
  spoiler: boolean
}

class Trays {
  #items = new SvelteMap<string, readonly TrayItem[]>()

  constructor() {
    for (const key of Object.keys(localStorage))
      if (key.startsWith(PREFIX)) this.#items.set(key.slice(PREFIX.length), parse(localStorage.getItem(key)))
    addEventListener('storage', ({ key, newValue }) => {
      if (key?.startsWith(PREFIX)) this.#keepOnly(key.slice(PREFIX.length), parse(newValue))
    })
  }

  of(chatKey: string): readonly TrayItem[] {
    return this.#items.get(chatKey) ?? []
  }

  /** Everything that lies ready anywhere. */
  uploadIds(): string[] {
    return [...this.#items.values()].flatMap((items) => items.map(({ upload_id }) => upload_id))
  }

  /** How many had no place. What can't be seen is a file, whatever it is sent as. */
  add(chatKey: string, files: readonly File[], as: SentAs): number {
    const items = this.of(chatKey)
    const fitting = files.slice(0, ATTACHMENTS_MAX - items.length)
    const added = fitting.map((file): TrayItem => {
      // Whoever sends a file as such does not say what is in it, and it is taken as it is.
      const upload = uploads.add(file, file.name || nameless(file), as === 'file' ? { type: '' } : {})
      return { upload_id: upload.id, as: as === 'media' && !isSeen(file) ? 'file' : as, spoiler: false }
    })
    this.#set(chatKey, [...items, ...added])
    return files.length - fitting.length
  }

  change(chatKey: string, id: string, change: Partial<TrayItem>): void {
    this.#set(
      chatKey,
      this.of(chatKey).map((item) => (item.upload_id === id ? { ...item, ...change } : item)),
    )
  }

  move(chatKey: string, id: string, to: number): void {
    const items = this.of(chatKey)
    const moved = items.find(({ upload_id }) => upload_id === id)
    if (!moved || to < 0 || to >= items.length) return
    const rest = items.filter((item) => item !== moved)
    this.#set(chatKey, [...rest.slice(0, to), moved, ...rest.slice(to)])
  }

  remove(chatKey: string, id: string): void {
    uploads.release(id)
    this.#set(
      chatKey,
      this.of(chatKey).filter(({ upload_id }) => upload_id !== id),
    )
  }

  /** For the message that goes out now; the tray is empty afterwards. */
  take(chatKey: string): UnsentAttachment[] {
    const items = this.of(chatKey)
    this.#set(chatKey, [])
    return items.flatMap((item) => unsent(item) ?? [])
  }

  /** What this browser did not keep over a reload can't be shown, and nothing was sent of it yet. */
  forgetMissing(): void {
    for (const [key, items] of this.#items)
      this.#set(
        key,
        items.filter(({ upload_id }) => uploads.get(upload_id)),
      )
  }

  clear(): void {
    for (const key of [...this.#items.keys()]) this.#set(key, [])
  }

  /** What another tab has sent or taken out must not be sent from here once more. */
  #keepOnly(chatKey: string, there: readonly TrayItem[]): void {
    const ids = new Set(there.map(({ upload_id }) => upload_id))
    const left = this.of(chatKey).filter(({ upload_id }) => ids.has(upload_id))
    if (left.length) this.#items.set(chatKey, left)
    else this.#items.delete(chatKey)
  }

  #set(chatKey: string, items: readonly TrayItem[]): void {
    if (items.length) {
      this.#items.set(chatKey, items)
      localStorage.setItem(PREFIX + chatKey, JSON.stringify(items))
    } else {
      this.#items.delete(chatKey)
      localStorage.removeItem(PREFIX + chatKey)
    }
  }
}

/** As the outbox keeps it: what is told of the file even when the file is lost. */
export function unsent({ upload_id, as, spoiler }: TrayItem): UnsentAttachment | undefined {
  const upload = uploads.get(upload_id)
  if (!upload) return undefined
  const { name, size, mediaId, picture } = upload
  return {
    upload_id,
    as,
    spoiler: spoiler && as === 'media',
    name,
    type: upload.file?.type ?? upload.type,
    size,
    ...(mediaId ? { media_id: mediaId } : {}),
    ...(picture ? { width: picture.width, height: picture.height, duration_ms: picture.durationMs } : {}),
  }
}

export function isSeen({ type }: { type: string }): boolean {
  return /^(image|video)\//.test(type) && type !== 'image/svg+xml'
}

/** What is pasted has no name of its own. */
function nameless({ type }: File): string {
  return `image.${type.split('/')[1] ?? 'bin'}`
}

function parse(json: string | null): TrayItem[] {
  try {
    return json ? (JSON.parse(json) as TrayItem[]) : []
  } catch {
    return []
  }
}

export const trays = new Trays()
