// What a browser does with its microphone, as far as the recorder asks it to.
import { beforeEach, expect, test, vi } from 'vitest'

class Track {
  onended: (() => void) | null = null
  live = true
  stop(): void {
    this.live = false
  }
}

let track: Track
let records = true

class FakeRecorder {
  static isTypeSupported = () => true
  state = 'inactive'
  mimeType = 'audio/webm;codecs=opus'
  ondataavailable: ((event: { data: Blob }) => void) | null = null
  onstop: (() => void) | null = null
  constructor() {
    if (!records) throw new DOMException('', 'NotSupportedError')
  }
  start(): void {
    this.state = 'recording'
  }
  stop(): void {
    this.state = 'inactive'
    this.ondataavailable?.({ data: new Blob(['spoken']) })
    this.onstop?.()
  }
}

class FakeContext {
  createAnalyser = () => ({ fftSize: 0, getFloatTimeDomainData: () => {} })
  createMediaStreamSource = () => ({ connect: () => {} })
  close = () => Promise.resolve()
}

const microphone = {
  getUserMedia: async () => {
    track = new Track()
    return { getTracks: () => [track] }
  },
}
vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
vi.stubGlobal('navigator', { mediaDevices: microphone })
vi.stubGlobal('MediaRecorder', FakeRecorder)
vi.stubGlobal('AudioContext', FakeContext)
const { recorder } = await import('../src/lib/recorder.svelte')

beforeEach(() => {
  vi.useFakeTimers()
  records = true
  recorder.cancel()
})

async function say(chatKey: string): Promise<void> {
  expect(await recorder.start(chatKey)).toBe(true)
  vi.advanceTimersByTime(2000)
  await recorder.leave()
  expect(recorder.state).toBe('ready')
}

test('a voice that waits goes for one in another chat only when one begins again, knowing of it', async () => {
  await say('lake')
  const waiting = recorder.recording

  expect(await recorder.start('river')).toBe(false)
  expect(recorder.problem).toEqual({ chatKey: 'river', why: 'elsewhere' })
  expect([recorder.chatKey, recorder.recording]).toEqual(['lake', waiting])
  // Whoever was told in one chat was not in the next.
  expect(await recorder.start('sea')).toBe(false)

  expect(await recorder.start('sea')).toBe(true)
  expect([recorder.chatKey, recorder.state, recorder.problem]).toEqual(['sea', 'recording', undefined])
})

test('what waited in another chat and went keeps nobody from speaking', async () => {
  await say('lake')
  await recorder.start('river')

  recorder.done()

  expect(recorder.problem).toBeUndefined()
  expect(await recorder.start('river')).toBe(true)
})

test('what was only a slip of the finger elsewhere keeps nobody from speaking', async () => {
  await recorder.start('lake')
  await recorder.leave()

  expect(await recorder.start('river')).toBe(true)
})

test('nobody is listened to when the browser can not record', async () => {
  records = false

  expect(await recorder.start('lake')).toBe(false)

  expect([track.live, recorder.problem?.why, recorder.state]).toEqual([false, 'busy', 'idle'])
})

test('a voice that can not be gone on with is there as it was', async () => {
  await say('lake')
  records = false

  expect(await recorder.goOn()).toBe(false)

  expect([track.live, recorder.state, recorder.chatKey]).toEqual([false, 'ready', 'lake'])
  expect(recorder.recording?.durationMs).toBeGreaterThan(1500)
})
