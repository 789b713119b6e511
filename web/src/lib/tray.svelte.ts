// What lies ready to be sent, per chat: files that are uploaded while the words to them are written.
import { SvelteMap } from 'svelte/reactivity'
import { typeOf } from './files'
import { given } from './outgoing'
import type { Attachment, GivenAttachment, UnsentAttachment } from './types'
import { uploads, type Upload } from './uploads.svelte'

const PREFIX = 'kaif.tray.'
/** They go as albums. More are hard to look over, and as many as a draft keeps at the server (DRAFT_FILES_MAX). */
export const LAID_MAX = 100

export type SentAs = UnsentAttachment['as']

export interface TrayItem {
  upload_id: string
  as: SentAs
  spoiler: boolean
}

class Trays {
  /** Told of each that was changed here. */
  changed: (chatKey: string) => void = () => {}
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

  keys(): string[] {
    return [...this.#items.keys()]
  }

  /** The server has the file. */
  hear(uploadId: string): void {
    const key = this.keys().find((key) => this.of(key).some(({ upload_id }) => upload_id === uploadId))
    if (key) this.changed(key)
  }

  /** What of it the server has, as other devices are told. */
  given(chatKey: string): GivenAttachment[] {
    return given({ attachments: this.of(chatKey).flatMap((item) => unsent(item) ?? []) })
  }

  /** As another device left it; what is still on its way from here stays. False when it was so already. */
  follow(chatKey: string, left: readonly Attachment[]): boolean {
    const here = this.of(chatKey)
    const idHere = new Map(here.map(({ upload_id }) => [uploads.get(upload_id)?.mediaId, upload_id]))
    const told = left.map((file): TrayItem => ({
      upload_id: idHere.get(file.media_id) ?? uploads.adopt(file.media_id, file).id,
      as: file.kind === 'file' || file.kind === 'voice' ? file.kind : 'media',
      spoiler: file.spoiler ?? false,
    }))
    const onTheirWay = here.filter(({ upload_id }) => !uploads.get(upload_id)?.mediaId)
    const next = [...told, ...onTheirWay].slice(0, LAID_MAX)
    if (JSON.stringify(next) === JSON.stringify(here)) return false
    const ids = new Set(next.map(({ upload_id }) => upload_id))
    for (const { upload_id } of here) if (!ids.has(upload_id)) uploads.release(upload_id)
    this.#set(chatKey, next)
    return true
  }

  /** How many had no place. What can't be seen or heard is a file, whatever it is sent as. */
  add(chatKey: string, files: readonly File[], as: SentAs, max = LAID_MAX): number {
    const items = this.of(chatKey)
    const fitting = files.slice(0, Math.max(0, max - items.length))
    const added = fitting.map((file): TrayItem => {
      // Whoever sends a file as such does not say what is in it, and it is taken as it is.
      const type = typeOf(file)
      const sentAs = as === 'voice' ? as : hasPlace(type, as) ? 'media' : 'file'
      const upload = uploads.add(
        file,
        file.name || nameless(file),
        sentAs === 'file' ? { type: '' } : { type },
      )
      return { upload_id: upload.id, as: sentAs, spoiler: false }
    })
    this.#change(chatKey, [...items, ...added])
    return files.length - fitting.length
  }

  change(chatKey: string, id: string, change: Partial<TrayItem>): void {
    this.#change(
      chatKey,
      this.of(chatKey).map((item) => (item.upload_id === id ? { ...item, ...change } : item)),
    )
  }

  move(chatKey: string, id: string, to: number): void {
    const items = this.of(chatKey)
    const moved = items.find(({ upload_id }) => upload_id === id)
    if (!moved || to < 0 || to >= items.length) return
    const rest = items.filter((item) => item !== moved)
    this.#change(chatKey, [...rest.slice(0, to), moved, ...rest.slice(to)])
  }

  remove(chatKey: string, id: string): void {
    uploads.release(id)
    this.#change(
      chatKey,
      this.of(chatKey).filter(({ upload_id }) => upload_id !== id),
    )
  }

  /** For the message that goes out now; the tray is empty afterwards. */
  take(chatKey: string): UnsentAttachment[] {
    const items = this.of(chatKey)
    this.#change(chatKey, [])
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

  #change(chatKey: string, items: readonly TrayItem[]): void {
    this.#set(chatKey, items)
    this.changed(chatKey)
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
    type: typeOfUpload(upload),
    size,
    ...(mediaId ? { media_id: mediaId } : {}),
    ...(picture ? { width: picture.width, height: picture.height, duration_ms: picture.durationMs } : {}),
  }
}

/** Also of what is sent as a plain file, which says nothing of what is in it. */
export function typeOfUpload({ file, name, type }: Upload): string {
  return file ? typeOf({ name, type: file.type }) : type
}

/** In the chat itself: a sound also where it was chosen among files, for there is no other way to choose it. */
function hasPlace(type: string, as: SentAs): boolean {
  return type.startsWith('audio/') || (as === 'media' && isShown({ type }))
}

/** Seen or heard in the chat; all else is a file to be saved. */
export function isShown({ type }: { type: string }): boolean {
  return isSeen({ type }) || type.startsWith('audio/')
}

export function isSeen({ type }: { type: string }): boolean {
  return /^(image|video)\//.test(type)
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
