// The one socket of this tab: opens it, keeps it open, passes its events on. See docs/realtime.md.
import { backoffMs } from './backoff'
import { frames } from './frames'
import { session } from './session.svelte'
import type { ClientEvent, ServerEvent } from './types'

const BANNER_AFTER_MS = 2000
const OFFLINE_WAIT_MS = 60_000
const FLOODING_WAIT_MS = 5000
const CLOSE_UNAUTHENTICATED = 4001
const CLOSES_OF_OUR_FAULT = new Set([1009, 4002, 4008])

export class Realtime {
  /** Greeted by the server: what is sent now will be heard. */
  online = $state(false)
  /** Offline for so long that people should know. */
  interrupted = $state(false)

  readonly #receive: (events: ServerEvent[]) => void
  #socket: WebSocket | undefined
  #attempt = 0
  #running = false
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #bannerTimer: ReturnType<typeof setTimeout> | undefined

  constructor(receive: (events: ServerEvent[]) => void) {
    this.#receive = receive
  }

  start(): void {
    this.#running = true
    addEventListener('online', this.#reconnectNow)
    addEventListener('offline', this.#drop)
    document.addEventListener('visibilitychange', this.#wake)
    this.#expectConnection()
    void this.#connect()
  }

  stop(): void {
    this.#running = false
    removeEventListener('online', this.#reconnectNow)
    removeEventListener('offline', this.#drop)
    document.removeEventListener('visibilitychange', this.#wake)
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#bannerTimer)
    this.#abandon()
    this.online = false
    this.interrupted = false
  }

  /** Send if the server is listening; otherwise the caller keeps the events until the next hello. */
  send(events: readonly ClientEvent[]): void {
    if (!this.online || this.#socket?.readyState !== WebSocket.OPEN) return
    for (const frame of frames(events)) this.#socket.send(frame)
  }

  /** The connection looks dead, whatever the browser believes. */
  reconnect(): void {
    if (this.#running) this.#reconnectNow()
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#retryTimer)
    try {
      await session.fresh()
      // Three refusals in a row may mean that the cookie is no longer good: the refresh finds out.
      if (this.#attempt > 0 && this.#attempt % 3 === 0) await session.refresh()
    } catch {
      return this.#retry()
    }
    if (!this.#running || !session.user || this.#socket) return
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/v1/socket`)
    this.#socket = socket
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(data as string) as ServerEvent | ServerEvent[])
    socket.onclose = ({ code }) => void this.#closed(code)
  }

  #heard(frame: ServerEvent | ServerEvent[]): void {
    const events = Array.isArray(frame) ? frame : [frame]
    if (!this.online && events[0]?.type === 'hello') {
      this.online = true
      this.interrupted = false
      this.#attempt = 0
      clearTimeout(this.#bannerTimer)
    }
    this.#receive(events)
  }

  async #closed(code: number): Promise<void> {
    this.#lost()
    if (!this.#running) return
    if (code === CLOSE_UNAUTHENTICATED) {
      try {
        await session.refresh()
        return await this.#connect()
      } catch {
        // No network, or the session is over; in the latter case the retry finds nobody signed in.
      }
    }
    this.#retry(CLOSES_OF_OUR_FAULT.has(code) ? FLOODING_WAIT_MS : 0)
  }

  #retry(atLeastMs = 0): void {
    if (!this.#running || !session.user) return
    const offline = !navigator.onLine
    const waitMs = offline ? OFFLINE_WAIT_MS : backoffMs(this.#attempt)
    this.#attempt += 1
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(
      () => {
        // The browser learns of a lost network a moment after its sockets do.
        if (!offline && !navigator.onLine) this.#retry()
        else void this.#connect()
      },
      Math.max(waitMs, atLeastMs),
    )
  }

  #reconnectNow = (): void => {
    this.#abandon()
    this.#lost()
    this.#attempt = 0
    void this.#connect()
  }

  #drop = (): void => {
    this.#abandon()
    this.#lost()
    this.#retry()
  }

  // Timers sleep in hidden tabs: whoever comes back should not wait for the rest of a long backoff.
  #wake = (): void => {
    if (document.visibilityState === 'visible' && !this.online && !this.#socket) this.#reconnectNow()
  }

  #abandon(): void {
    if (!this.#socket) return
    this.#socket.onmessage = null
    this.#socket.onclose = null
    this.#socket.close()
    this.#socket = undefined
  }

  #lost(): void {
    this.#socket = undefined
    if (this.online) this.#expectConnection()
    this.online = false
  }

  #expectConnection(): void {
    clearTimeout(this.#bannerTimer)
    this.#bannerTimer = setTimeout(() => (this.interrupted = true), BANNER_AFTER_MS)
  }
}
