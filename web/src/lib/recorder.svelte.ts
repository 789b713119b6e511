// The microphone, of which there is one: what is recorded belongs to a chat, and waits there when one looks elsewhere.
import { KeptVoices } from './keptVoices'
import { newRef } from './outbox'
import { lengthOf } from './sizes'
import { barsOf, levelOf } from './waveform'
import { joined } from './webm'

export type RecorderState = 'idle' | 'asking' | 'recording' | 'ready'
/** `elsewhere`: nothing ails it, but a voice waits in another chat. */
export type MicrophoneProblem = 'refused' | 'missing' | 'busy' | 'insecure' | 'elsewhere'

export interface Recording {
  file: File
  durationMs: number
  waveform: number[]
}

const LEVEL_EVERY_MS = 60
const LIVE_LEVELS = 200
/** What is recorded is kept by pieces of this length. */
const KEEP_EVERY_MS = 500
/** What is shorter was a slip of the finger. */
const DURATION_MS_MIN = 500
/** An hour of speech is 15 MB. */
const DURATION_MS_MAX = 60 * 60_000
const BITS_PER_SECOND = 32_000

/** What browsers can record, the best first: the server makes the same of each, and the first can be gone on with. */
const TYPES = [
  ['audio/webm;codecs=opus', 'webm'],
  ['audio/ogg;codecs=opus', 'ogg'],
  ['audio/mp4', 'm4a'],
] as const

export const canRecord = typeof MediaRecorder !== 'undefined'

class Recorder {
  state = $state<RecorderState>('idle')
  /** Of which chat: its draft's key. */
  chatKey = $state<string>()
  durationMs = $state(0)
  /** The last of them, as loud as they are. */
  live = $state.raw<readonly number[]>([])
  recording = $state.raw<Recording>()
  problem = $state<{ chatKey: string; why: MicrophoneProblem }>()
  #media: MediaRecorder | undefined
  #stopListening: (() => void) | undefined
  #type = $state('')
  /** What came each time the microphone was on. */
  #takes: Blob[][] = []
  #levels: number[] = []
  /** Which attempt this is: one that was given up while the person was asked must not begin. */
  #attempt = 0
  #kept: KeptVoices | undefined
  #id = ''
  #partsKept = 0
  #levelsKept = 0

  /** What was said before the page was left waits in its chat. */
  async open(userId: string): Promise<void> {
    const kept = (this.#kept = new KeptVoices(userId))
    const attempt = this.#attempt
    const found = await kept.find()
    if (!found) return
    // Somebody was quicker, or has left: it is there the next time.
    if (attempt !== this.#attempt) return kept.letGo(found.voice.id)
    const { voice, parts } = found
    this.#id = voice.id
    this.#type = voice.type
    this.chatKey = voice.chatKey
    for (const { take, data, levels, durationMs } of parts) {
      ;(this.#takes[take] ??= []).push(data)
      this.#levels.push(...levels)
      this.durationMs = durationMs
    }
    this.#takes = this.#takes.filter(Boolean)
    this.#partsKept = parts.length
    this.#levelsKept = this.#levels.length
    await this.#rest()
  }

  /** The page goes on without it; what was said stays for the next time. */
  close(): void {
    this.#kept?.close()
    this.#id = ''
    this.cancel()
  }

  /** Erase what this browser kept. */
  erase(): void {
    this.#kept?.clear()
    this.close()
  }

  /** Whether more can be said after what was: it is in a form that can be joined. */
  get joins(): boolean {
    return this.#type.startsWith('audio/webm')
  }

  get mayGoOn(): boolean {
    return this.state === 'ready' && this.joins && this.durationMs < DURATION_MS_MAX
  }

  /** False when nothing came of it; `problem` then says why, unless it was given up. */
  async start(chatKey: string): Promise<boolean> {
    const told = this.problem?.why === 'elsewhere' && this.problem.chatKey === chatKey
    // What waits in another chat goes for this one only when one begins again, knowing of it.
    if (this.durationMs >= DURATION_MS_MIN && !told) {
      this.problem = { chatKey, why: 'elsewhere' }
      return false
    }
    if (this.state !== 'idle') this.cancel()
    this.chatKey = chatKey
    return this.#listen()
  }

  /** After a pause or a reload; as `start`. */
  async goOn(): Promise<boolean> {
    return this.mayGoOn && this.#listen()
  }

  /** Undefined when it was too short to be meant. */
  async finish(): Promise<Recording | undefined> {
    const media = this.#media
    if (this.state !== 'recording' || !media) return this.recording
    const attempt = this.#attempt
    this.#media = undefined
    await new Promise<void>((resolve) => {
      media.onstop = () => resolve()
      // A microphone that was pulled out has ended it already.
      if (media.state === 'inactive') resolve()
      else media.stop()
    })
    if (attempt !== this.#attempt) return undefined
    this.#release()
    return this.#rest()
  }

  /** Whoever looks elsewhere is not listened to any more; what was said waits. */
  async leave(): Promise<void> {
    if (this.state === 'recording') await this.finish()
    else if (this.state === 'asking') await this.#giveUpAsking()
  }

  cancel(): void {
    this.#attempt += 1
    const media = this.#media
    if (media && media.state !== 'inactive') {
      media.ondataavailable = media.onstop = null
      media.stop()
    }
    this.#release()
    this.#forget()
  }

  /** It has been sent. */
  done(): void {
    this.#forget()
  }

  async #listen(): Promise<boolean> {
    const attempt = (this.#attempt += 1)
    const chatKey = this.chatKey!
    this.problem = undefined
    this.state = 'asking'
    try {
      const stream = await microphone()
      if (attempt !== this.#attempt) return (stop(stream), false)
      this.#recordOrStop(stream)
      return true
    } catch (error) {
      if (attempt === this.#attempt) {
        await this.#giveUpAsking()
        this.problem = { chatKey, why: whyNot(error) }
      }
      return false
    }
  }

  async #giveUpAsking(): Promise<void> {
    this.#attempt += 1
    await this.#rest()
  }

  /** What was said until now can be listened to, and sent. */
  async #rest(): Promise<Recording | undefined> {
    const attempt = this.#attempt
    const { durationMs } = this
    if (durationMs < DURATION_MS_MIN) return void this.cancel()
    const content = await contentOf(this.#takes)
    if (attempt !== this.#attempt) return undefined
    const [, ending] = TYPES.find(([type]) => type.startsWith(plain(this.#type))) ?? TYPES[0]
    const name = `voice-${lengthOf(durationMs).replaceAll(':', '-')}.${ending}`
    const file = new File(content, name, { type: plain(this.#type) })
    this.recording = { file, durationMs, waveform: barsOf(this.#levels) }
    this.state = 'ready'
    return this.recording
  }

  /** What can't be recorded is not listened to either. */
  #recordOrStop(stream: MediaStream): void {
    try {
      this.#record(stream)
    } catch (error) {
      stop(stream)
      throw error
    }
  }

  #record(stream: MediaStream): void {
    const mimeType = this.#type || typeFor()
    const media = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND })
    const [startedAt, beforeMs] = [performance.now(), this.durationMs]
    this.#media = media
    if (!this.#takes.length) this.#begin(media.mimeType || mimeType)
    this.#takes.push([])
    media.ondataavailable = ({ data }) => this.#take(data)
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 2048
    context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    const timer = setInterval(() => {
      if (!this.#media) return
      analyser.getFloatTimeDomainData(samples)
      this.durationMs = beforeMs + performance.now() - startedAt
      // A tab in the background looks seldom: the bars stay as long as what they show.
      const level = levelOf(samples)
      while (this.#levels.length * LEVEL_EVERY_MS < this.durationMs) this.#levels.push(level)
      this.live = this.#levels.slice(-LIVE_LEVELS)
      if (this.durationMs >= DURATION_MS_MAX) void this.finish()
    }, LEVEL_EVERY_MS)
    this.#stopListening = () => {
      clearInterval(timer)
      void context.close().catch(() => {})
      stop(stream)
    }
    // The microphone was pulled out, or taken away in the browser's settings.
    for (const track of stream.getTracks()) track.onended = () => void this.finish()
    media.start(KEEP_EVERY_MS)
    this.recording = undefined
    this.state = 'recording'
  }

  #begin(type: string): void {
    this.#id = newRef()
    this.#type = type
    this.#kept?.begin({ id: this.#id, chatKey: this.chatKey!, type, at: Date.now() })
  }

  #take(data: Blob): void {
    if (!data.size) return
    this.#takes.at(-1)!.push(data)
    const levels = this.#levels.slice(this.#levelsKept)
    const part = { take: this.#takes.length - 1, data, levels, durationMs: this.durationMs }
    this.#kept?.add(this.#id, this.#partsKept, part)
    this.#partsKept += 1
    this.#levelsKept = this.#levels.length
  }

  /** The browser's sign that one is listened to goes out at once. */
  #release(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#media = undefined
  }

  #forget(): void {
    if (this.#id) this.#kept?.delete(this.#id)
    this.problem = undefined
    this.state = 'idle'
    this.chatKey = undefined
    this.recording = undefined
    this.durationMs = 0
    this.live = []
    this.#levels = []
    this.#takes = []
    this.#type = this.#id = ''
    this.#partsKept = this.#levelsKept = 0
  }
}

async function contentOf(takes: readonly Blob[][]): Promise<BlobPart[]> {
  const full = takes.filter(({ length }) => length)
  if (full.length < 2) return full.flat()
  return joined(
    await Promise.all(full.map(async (take) => new Uint8Array(await new Blob(take).arrayBuffer()))),
  )
}

async function microphone(): Promise<MediaStream> {
  // Browsers have none where the connection is not safe.
  if (!navigator.mediaDevices) throw new DOMException('', 'SecurityError')
  return navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  })
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null
    track.stop()
  }
}

function whyNot(error: unknown): MicrophoneProblem {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError') return 'refused'
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing'
  return name === 'SecurityError' ? 'insecure' : 'busy'
}

function typeFor(): string {
  return (TYPES.find(([type]) => MediaRecorder.isTypeSupported(type)) ?? TYPES[0])[0]
}

/** Without its codecs. */
function plain(type: string): string {
  return type.split(';')[0]!
}

export const recorder = new Recorder()
