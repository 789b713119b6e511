// The course of one straight upload: which parts are asked for, written and told, several at once. What asks and writes
// is given, so that this knows no network.
import type { components } from '../api.gen'

export type Straight = components['schemas']['Straight']
export type StraightPart = components['schemas']['StraightPart']
export type Wanted = { writer: string; written: number; after: number; count: number }

/** Parts that are written at the same time, and those for which addresses are asked at once. */
const AT_ONCE = 4
const ASKED_AT_ONCE = 8
const TRIES_MAX = 3
const IS_THERE = 412

/** Nothing goes this way; by way of the server it may. */
export class NoWay extends Error {}

export interface Ports {
  size: number
  /** Tell the server what is written, and be given more. */
  ask: (wanted: Wanted) => Promise<Straight>
  /** Seal and write a part; how the store answers, 0 when it does not. Settles no more once the course is stopped. */
  write: (part: StraightPart, progress: (sent: number) => void) => Promise<number>
  progress: (sent: number) => void
  rest: (tries: number) => Promise<void>
}

export class Course {
  #writer = ''
  #received = 0
  /** Up to where addresses were given. */
  #after = 0
  #given: StraightPart[] = []
  /** Bytes of each part that has gone or goes, by its place. */
  readonly #sent = new Map<number, number>()
  readonly #written = new Map<number, number>()
  readonly #going = new Set<Promise<void>>()
  #asking: Promise<Straight> | undefined
  #stopped = false

  constructor(private readonly ports: Ports) {}

  stop(): void {
    this.#stopped = true
  }

  /** The id of what the server made of it. */
  async run(): Promise<string> {
    try {
      let now = await this.#more()
      if (!now.upload.media) await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work()))
      while (!now.upload.media && !this.#stopped) {
        now = await this.#ask(this.#after, 0)
        if (this.#received < this.ports.size) throw new NoWay('not all that was written is there')
      }
      return now.upload.media!.id
    } finally {
      this.#stopped = true
    }
  }

  async #work(): Promise<void> {
    for (let part; !this.#stopped && (part = await this.#next());) {
      const going = this.#put(part)
      this.#going.add(going)
      await going.finally(() => this.#going.delete(going))
    }
  }

  async #next(): Promise<StraightPart | undefined> {
    while (!this.#stopped && !this.#given.length && this.#after < this.ports.size) {
      const before = this.#after
      await this.#more()
      if (this.#given.length || this.#after > before) continue
      // No more may lie there until some of it is taken.
      if (!this.#going.size) throw new NoWay('no addresses are given')
      await Promise.race(this.#going)
    }
    return this.#given.shift()
  }

  async #put(given: StraightPart): Promise<void> {
    let part: StraightPart | undefined = given
    for (let tries = 1; part && !this.#stopped; tries++) {
      const { start, length } = part
      const status = await this.ports.write(part, (sent) => this.#progress(start, Math.min(sent, length)))
      if ((status >= 200 && status < 300) || status === IS_THERE) {
        this.#written.set(start, start + length)
        return this.#progress(start, length)
      }
      this.#progress(start, 0)
      if (tries >= TRIES_MAX) throw new NoWay(`the store answers ${status}`)
      await this.ports.rest(tries)
      part = await this.#again(part)
    }
  }

  /** Another address for the same part: its time may be over. None when it was taken meanwhile. */
  async #again({ start }: StraightPart): Promise<StraightPart | undefined> {
    const { parts } = await this.#ask(start, 1)
    return this.#received > start ? undefined : parts.find((part) => part.start === start)
  }

  /** One question at a time: whoever needs more meanwhile waits for the same answer. */
  #more(): Promise<Straight> {
    this.#asking ??= this.#ask(this.#after, ASKED_AT_ONCE)
      .then((now) => {
        this.#given.push(...now.parts)
        const last = now.parts.at(-1)
        this.#after = Math.max(this.#after, this.#received, last ? last.start + last.length : 0)
        return now
      })
      .finally(() => (this.#asking = undefined))
    return this.#asking
  }

  async #ask(after: number, count: number): Promise<Straight> {
    const now = await this.ports.ask({ writer: this.#writer, written: this.#prefix(), after, count })
    this.#writer = now.writer
    this.#received = Math.max(this.#received, now.upload.received)
    for (const start of [...this.#sent.keys()]) if (start < this.#received) this.#sent.delete(start)
    this.#tell()
    return now
  }

  /** Up to where all is written. */
  #prefix(): number {
    let at = this.#received
    for (let end; (end = this.#written.get(at)) !== undefined;) at = end
    return at
  }

  #progress(start: number, sent: number): void {
    if (start < this.#received) return
    this.#sent.set(start, sent)
    this.#tell()
  }

  #tell(): void {
    if (this.#stopped) return
    let sent = this.#received
    for (const one of this.#sent.values()) sent += one
    this.ports.progress(sent)
  }
}
