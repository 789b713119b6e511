// Voices and sounds: one plays at a time, wherever its message is.
import { SvelteSet } from 'svelte/reactivity'
import { isReady, media } from './media'
import type { Attachment } from './types'

export const SPEEDS = [1, 1.5, 2] as const

const SPEED_KEY = 'kaif.speed'
const PLAYED_KEY = 'kaif.played'
const PLAYED_MAX = 500

class Sounds {
  /** Where in the chats it is: a message may be forwarded, and each is played by itself. */
  key = $state('')
  playing = $state(false)
  loading = $state(false)
  failed = $state(false)
  atS = $state(0)
  lengthS = $state(0)
  speed = $state<number>(storedSpeed())
  /** Voices that were heard on this device. */
  readonly played = new SvelteSet<string>(storedPlayed())
  #audio: HTMLAudioElement | undefined
  #frame = 0
  /** What else to try when the one does not play. */
  #next: string[] = []

  toggle(key: string, sound: Attachment): void {
    if (key !== this.key) return this.#begin(key, sound, 0)
    if (this.playing) this.pause()
    else if (this.failed) this.#begin(key, sound, this.atS)
    else void this.#play()
  }

  /** One that is not the present one begins there, silent until it is played. */
  seek(key: string, sound: Attachment, atS: number): void {
    if (key !== this.key) return this.#begin(key, sound, atS)
    this.atS = atS
    if (this.#audio) this.#audio.currentTime = atS
  }

  pause(): void {
    this.#audio?.pause()
  }

  stop(): void {
    this.#next = []
    if (this.#audio) {
      this.#audio.pause()
      this.#audio.removeAttribute('src')
    }
    this.key = ''
    this.playing = this.loading = this.failed = false
    this.atS = 0
  }

  /** Erase what this browser kept of a person; how fast one listens is the device's. */
  clear(): void {
    this.stop()
    this.played.clear()
    localStorage.removeItem(PLAYED_KEY)
  }

  nextSpeed(): void {
    const index = SPEEDS.findIndex((speed) => speed === this.speed)
    this.speed = SPEEDS[(index + 1) % SPEEDS.length]!
    localStorage.setItem(SPEED_KEY, String(this.speed))
    if (this.#audio) this.#audio.playbackRate = this.speed
  }

  #begin(key: string, sound: Attachment, atS: number): void {
    const original = media.src(sound.media_id)
    if (!original) return
    this.stop()
    this.key = key
    this.atS = atS
    this.lengthS = (sound.shown?.duration_ms ?? 0) / 1000
    const voice = sound.kind === 'voice'
    const made = [media.src(sound.media_id, 'voice.ogg')!, media.ownSrc(sound.media_id, 'voice.ogg')!]
    this.#next = voice && isReady(sound) ? [...new Set(made), original] : [original]
    if (voice) this.#markPlayed(sound.media_id)
    this.#tryNext()
  }

  #tryNext(): void {
    const src = this.#next.shift()
    if (!src) {
      this.failed = true
      this.playing = this.loading = false
      return
    }
    const audio = this.#element()
    audio.src = src
    if (this.atS) audio.currentTime = this.atS
    void this.#play()
  }

  async #play(): Promise<void> {
    this.loading = true
    const audio = this.#element()
    audio.playbackRate = this.speed
    try {
      await audio.play()
    } catch {
      // What does not play says so by an event; a pause that came before the beginning is no error.
      this.loading = false
    }
  }

  #element(): HTMLAudioElement {
    if (this.#audio) return this.#audio
    const audio = new Audio()
    audio.onplaying = () => {
      this.playing = true
      this.loading = this.failed = false
      this.#follow()
    }
    audio.onpause = () => (this.playing = false)
    audio.onended = () => {
      this.playing = false
      this.atS = 0
      audio.currentTime = 0
    }
    audio.onerror = () => audio.getAttribute('src') && this.#tryNext()
    audio.ondurationchange = () => {
      if (Number.isFinite(audio.duration)) this.lengthS = audio.duration
    }
    this.#audio = audio
    return audio
  }

  #follow(): void {
    cancelAnimationFrame(this.#frame)
    const audio = this.#audio!
    const step = () => {
      if (audio.paused) return
      this.atS = audio.currentTime
      this.#frame = requestAnimationFrame(step)
    }
    step()
  }

  #markPlayed(mediaId: string): void {
    this.played.add(mediaId)
    localStorage.setItem(PLAYED_KEY, [...this.played].slice(-PLAYED_MAX).join(' '))
  }
}

export const sounds = new Sounds()

function storedSpeed(): number {
  const stored = Number(localStorage.getItem(SPEED_KEY))
  return SPEEDS.find((speed) => speed === stored) ?? 1
}

function storedPlayed(): string[] {
  return (localStorage.getItem(PLAYED_KEY) ?? '').split(' ').filter(Boolean)
}
