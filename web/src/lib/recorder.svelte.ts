// The microphone, of which there is one: what is recorded belongs to a chat, and waits there when one looks elsewhere.
import { lengthOf } from './sizes'
import { barsOf, levelOf } from './waveform'

export type RecorderState = 'idle' | 'asking' | 'recording' | 'ready'
export type MicrophoneProblem = 'refused' | 'missing' | 'busy' | 'insecure'

export interface Recording {
  file: File
  durationMs: number
  waveform: number[]
}

const LEVEL_EVERY_MS = 60
const LIVE_LEVELS = 200
/** What is shorter was a slip of the finger. */
const DURATION_MS_MIN = 500
/** An hour of speech is 15 MB. */
const DURATION_MS_MAX = 60 * 60_000
const BITS_PER_SECOND = 32_000

/** What browsers can record, the best first; each is made into the same by the server. */
const TYPES = [
  ['audio/ogg;codecs=opus', 'ogg'],
  ['audio/webm;codecs=opus', 'webm'],
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
  #chunks: Blob[] = []
  #levels: number[] = []
  /** Which attempt this is: one that was given up while the person was asked must not begin. */
  #attempt = 0

  /** False when nothing came of it; `problem` then says why, unless it was given up. */
  async start(chatKey: string): Promise<boolean> {
    if (this.state !== 'idle') this.cancel()
    const attempt = (this.#attempt += 1)
    this.problem = undefined
    this.chatKey = chatKey
    this.state = 'asking'
    try {
      const stream = await microphone()
      if (attempt !== this.#attempt) return (stop(stream), false)
      this.#record(stream)
      return true
    } catch (error) {
      if (attempt === this.#attempt) {
        this.#forget()
        this.problem = { chatKey, why: whyNot(error) }
      }
      return false
    }
  }

  /** Undefined when it was too short to be meant. */
  async finish(): Promise<Recording | undefined> {
    const media = this.#media
    if (this.state !== 'recording' || !media) return this.recording
    const [type, ending] = typeFor()
    const durationMs = this.durationMs
    const levels = this.#levels
    const chunks = this.#chunks
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
    if (durationMs < DURATION_MS_MIN) {
      this.cancel()
      return undefined
    }
    const name = `voice-${lengthOf(durationMs).replaceAll(':', '-')}.${ending}`
    const file = new File(chunks, name, { type: media.mimeType.split(';')[0] || type.split(';')[0]! })
    this.recording = { file, durationMs, waveform: barsOf(levels) }
    this.state = 'ready'
    return this.recording
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

  #record(stream: MediaStream): void {
    const [type] = typeFor()
    const media = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: BITS_PER_SECOND })
    const startedAt = performance.now()
    this.#media = media
    this.#levels = []
    const chunks: Blob[] = (this.#chunks = [])
    media.ondataavailable = ({ data }) => chunks.push(data)
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 2048
    context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples)
      this.#levels.push(levelOf(samples))
      this.live = this.#levels.slice(-LIVE_LEVELS)
      this.durationMs = performance.now() - startedAt
      if (this.durationMs >= DURATION_MS_MAX) void this.finish()
    }, LEVEL_EVERY_MS)
    this.#stopListening = () => {
      clearInterval(timer)
      void context.close().catch(() => {})
      stop(stream)
    }
    // The microphone was pulled out, or taken away in the browser's settings.
    for (const track of stream.getTracks()) track.onended = () => void this.finish()
    media.start()
    this.durationMs = 0
    this.live = []
    this.state = 'recording'
  }

  /** The browser's sign that one is listened to goes out at once. */
  #release(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#media = undefined
  }

  #forget(): void {
    this.state = 'idle'
    this.chatKey = undefined
    this.recording = undefined
    this.durationMs = 0
    this.live = []
    this.#levels = []
    this.#chunks = []
  }
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

function typeFor(): readonly [string, string] {
  return TYPES.find(([type]) => MediaRecorder.isTypeSupported(type)) ?? TYPES[1]
}

export const recorder = new Recorder()
