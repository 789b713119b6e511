// Links to files, asked for many at once and kept until they expire.
import { SvelteMap } from 'svelte/reactivity'
import type { Format } from './shows'

/** What is made of a file. Without a name: the file itself. */
export type Rendition =
  | 'small'
  | 'medium'
  | 'large'
  | 'poster'
  | 'film.mp4'
  | 'hls/master.m3u8'
  | 'previews.vtt'
  | 'previews.jpeg'
  | 'voice.ogg'
  | ''

export interface MediaLink {
  media_id: string
  path: string
  expires_at: string
  /** At a CDN, where what was made of the file may lie for some minutes. */
  cdn?: { url: string; expires_at: string } | null
}

interface Link {
  path: string
  untilMs: number
  cdn: { url: string; untilMs: number } | undefined
}

/** What this browser has of files without the server. */
interface Kept {
  path(mediaId: string, rendition: string): string | undefined
  forget(mediaIds: readonly string[]): void
}

const NOTHING_KEPT: Kept = { path: () => undefined, forget: () => {} }

const WIDTHS = [320, 640, 1280, 1920] as const
/** As many as the server answers at once. */
const AT_ONCE = 100
/** Rows come in one after another; their links are asked for together. */
const GATHER_MS = 10
const AHEAD_MS = 60_000
/** A clock here that is hours fast would take each link for an old one, and ask for ever. */
const GOOD_FOR_MS_MIN = 5 * 60_000
const AGAIN_MS = 2000
const AGAIN_MS_MAX = 30_000
/** Links to a CDN are good for 5 to 10 minutes from when they are given, whatever the clock here says. */
const CDN_GOOD_FOR_MS = [4 * 60_000, 10 * 60_000] as const
const CDN_AHEAD_MS = 30_000
/** How long we ask the server itself for what did not come from the CDN. */
const WITHOUT_CDN_MS = 10 * 60_000
/** How long we believe that a file is not ours to see. */
const HIDDEN_MS = 30_000

export class MediaLinks {
  /** In percent, of one's own films that are being made ready. */
  readonly progress = new SvelteMap<string, number>()
  /** How often it was heard of a file that more of it is there to be seen. */
  readonly news = new SvelteMap<string, number>()
  #links = new SvelteMap<string, Link>()
  #hidden = new SvelteMap<string, number>()
  #withoutCdn = new Map<string, number>()
  #wanted = new Set<string>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #refusals = 0
  /** The last time that we asked for links none came. */
  #unreachable = $state(false)
  /** Links are one person's: those asked for before another signed in are not kept. */
  #generation = 0
  readonly #fetch: (mediaIds: string[]) => Promise<readonly MediaLink[]>
  readonly #format: () => Format
  readonly #kept: Kept

  constructor(
    fetch: (mediaIds: string[]) => Promise<readonly MediaLink[]>,
    format: () => Format = () => 'webp',
    kept = NOTHING_KEPT,
  ) {
    this.#fetch = fetch
    this.#format = format
    this.#kept = kept
  }

  /**
   * Where the file is, or what was made of it; the latter at the CDN if there is one. Undefined until its link has come:
   * whoever reads this in a component hears of it.
   */
  src(mediaId: string, rendition: Rendition | `w${number}` = ''): string | undefined {
    const own = this.ownSrc(mediaId, rendition)
    const { cdn } = this.#links.get(mediaId) ?? {}
    const now = Date.now()
    if (!own || !rendition || !cdn || (this.#withoutCdn.get(mediaId) ?? 0) > now) return own
    if (cdn.untilMs - now < CDN_AHEAD_MS) this.#want(mediaId)
    if (cdn.untilMs <= now) return own
    return `${cdn.url}/${rendition}${/[./]/.test(rendition) ? '' : `.${this.#format()}`}`
  }

  /** At the server itself, whatever becomes of a CDN; or what was kept of it, while the server can't be reached. */
  ownSrc(mediaId: string, rendition: Rendition | `w${number}` = ''): string | undefined {
    const link = this.#links.get(mediaId)
    const now = Date.now()
    if (!link || link.untilMs - now < AHEAD_MS) this.#want(mediaId)
    if (!link || link.untilMs <= now)
      return this.#unreachable ? this.#kept.path(mediaId, rendition) : undefined
    return rendition ? `${link.path}/${rendition}` : link.path
  }

  /** A picture in the widths that make sense for it; `width` is its own. */
  srcset(mediaId: string, width: number): string | undefined {
    if (this.src(mediaId, 'small') === undefined) return undefined
    return widthsFor(width)
      .map((wide) => `${this.src(mediaId, `w${wide}`)} ${Math.min(wide, width)}w`)
      .join(', ')
  }

  /** The server showed us none: it is deleted, or no more for our eyes. */
  isHidden(mediaId: string): boolean {
    return this.#hidden.has(mediaId)
  }

  /** Its link did not open: ask for another. */
  renew(mediaId: string): void {
    if (this.#links.get(mediaId)?.cdn) this.#withoutCdn.set(mediaId, Date.now() + WITHOUT_CDN_MS)
    this.#links.delete(mediaId)
    this.#want(mediaId)
  }

  clear(): void {
    this.#generation += 1
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wanted.clear()
    this.#links.clear()
    this.#hidden.clear()
    this.#withoutCdn.clear()
    this.#unreachable = false
    this.progress.clear()
    this.news.clear()
  }

  /** From the socket. */
  heard({ media_id, state, progress }: { media_id: string; state: string; progress: number }): void {
    if (state === 'working') this.progress.set(media_id, progress)
    else {
      this.progress.delete(media_id)
      this.news.set(media_id, (this.news.get(media_id) ?? 0) + 1)
    }
  }

  #want(mediaId: string): void {
    const hidden = this.#hidden.get(mediaId)
    if (hidden !== undefined && Date.now() - hidden < HIDDEN_MS) return
    this.#wanted.add(mediaId)
    this.#timer ??= setTimeout(() => void this.#ask(), GATHER_MS)
  }

  async #ask(): Promise<void> {
    const generation = this.#generation
    const asked = [...this.#wanted].slice(0, AT_ONCE)
    for (const id of asked) this.#wanted.delete(id)
    let waitMs = GATHER_MS
    try {
      const links = await this.#fetch(asked)
      if (generation !== this.#generation) return
      this.#take(asked, links)
      this.#refusals = 0
      this.#unreachable = false
    } catch {
      if (generation !== this.#generation) return
      for (const id of asked) this.#wanted.add(id)
      this.#unreachable = true
      waitMs = Math.min(AGAIN_MS * 2 ** this.#refusals++, AGAIN_MS_MAX)
    }
    this.#timer = this.#wanted.size ? setTimeout(() => void this.#ask(), waitMs) : undefined
  }

  #take(asked: string[], links: readonly MediaLink[]): void {
    const now = Date.now()
    const [cdnLeastMs, cdnMostMs] = CDN_GOOD_FOR_MS.map((ms) => now + ms) as [number, number]
    for (const { media_id, path, expires_at, cdn } of links) {
      const untilMs = Math.max(Date.parse(expires_at) || 0, now + GOOD_FOR_MS_MIN)
      const cdnUntilMs = Math.min(Math.max(Date.parse(cdn?.expires_at ?? '') || 0, cdnLeastMs), cdnMostMs)
      this.#links.set(media_id, {
        path,
        untilMs,
        cdn: cdn ? { url: cdn.url, untilMs: cdnUntilMs } : undefined,
      })
      this.#hidden.delete(media_id)
    }
    const hidden = asked.filter((id) => !this.#links.has(id))
    for (const id of hidden) this.#hidden.set(id, now)
    if (hidden.length) this.#kept.forget(hidden)
  }
}

/** Those that the picture fills, and one more for its full width. */
export function widthsFor(width: number): number[] {
  const narrower = WIDTHS.filter((wide) => wide < width)
  const [next] = WIDTHS.slice(narrower.length)
  return next ? [...narrower, next] : [...narrower]
}
