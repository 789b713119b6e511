import { expect, test } from 'vitest'
import { seal } from '../src/lib/sealing'
import { Course, NoWay, type Straight, type StraightPart, type Wanted } from '../src/lib/straightCourse'

const PART = 100

/** A server and its store, which take parts of 100 bytes. */
class Away {
  readonly lies = new Set<number>()
  readonly asked: Wanted[] = []
  readonly order: number[] = []
  readonly progress: number[] = []
  received = 0
  /** How the store answers for a part, before it takes it. */
  answers: (start: number) => number = () => 200
  ahead = 16

  constructor(readonly size: number) {}

  course(): Course {
    return new Course({
      size: this.size,
      ask: (wanted) => this.ask(wanted),
      write: async ({ start, length }, progress) => {
        await new Promise((resolve) => setTimeout(resolve, (start * 7) % 3))
        const status = this.answers(start)
        progress(length + 16)
        if (status === 200) this.lies.add(start)
        this.order.push(start)
        return status
      },
      progress: (sent) => this.progress.push(sent),
      rest: async () => {},
    })
  }

  async ask(wanted: Wanted): Promise<Straight> {
    this.asked.push(wanted)
    const until = wanted.writer ? wanted.written : this.size
    while (this.received < until && this.lies.has(this.received))
      this.received = Math.min(this.size, this.received + PART)
    const parts: StraightPart[] = []
    for (let start = this.received, n = 0; start < this.size && n < this.ahead; start += PART, n++)
      if (start >= wanted.after && parts.length < wanted.count) parts.push(this.part(start))
    const media = this.received === this.size ? { id: 'made' } : null
    const upload = { id: 'one', length: this.size, received: this.received, media } as Straight['upload']
    return { upload, writer: 'me', parts }
  }

  part(start: number): StraightPart {
    const length = Math.min(PART, this.size - start)
    const rest = { sealed_length: length + 16, key: '', url: '', headers: {}, expires_at: '' }
    return { start, length, ...rest }
  }
}

test('the browser seals the very bytes that the server seals', async () => {
  const content = Uint8Array.from({ length: 200_001 }, (_, at) => (at * 7 + (at >> 8)) & 255)

  const sealed = await seal(content.buffer, '1oMHeiadEspwk8G+ZPqMtt8DXLm4Zxd6fBNS1PQI9fk=')

  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', sealed))
  expect([...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(
    '01a2c5f3197e7fc584e1161d472b4f3464d387af0285e534288f50e7267cb288',
  )
})

test('each part is written once, several at a time, and told in order', async () => {
  const away = new Away(3050)

  expect(await away.course().run()).toBe('made')

  expect([...away.order].sort((a, b) => a - b)).toEqual(Array.from({ length: 31 }, (_, n) => n * 100))
  expect(away.order).not.toEqual([...away.order].sort((a, b) => a - b))
  expect(away.asked[0]).toEqual({ writer: '', written: 0, after: 0, count: 8 })
  expect(away.asked.length).toBeLessThan(12)
  expect(Math.max(...away.progress)).toBe(3050)
})

test('what lies there from before is not sent again', async () => {
  const away = new Away(1000)
  for (const start of [0, 100, 200]) away.lies.add(start)

  expect(await away.course().run()).toBe('made')

  expect(Math.min(...away.order)).toBe(300)
  expect(away.progress[0]).toBe(300)
})

test('a part that is there counts as written, and one that failed is tried at a new address', async () => {
  const away = new Away(1000)
  const tried = new Set<number>()
  away.answers = (start) => {
    if (start === 200) away.lies.add(start)
    if (start === 200) return 412
    if (start !== 500 || tried.has(start)) return 200
    tried.add(start)
    return 403
  }

  expect(await away.course().run()).toBe('made')

  expect(away.order.filter((start) => start === 500)).toHaveLength(2)
  expect(away.order.filter((start) => start === 200)).toHaveLength(1)
  expect(away.asked).toContainEqual(expect.objectContaining({ after: 500, count: 1 }))
})

test('with few that may lie untaken it waits for those, and goes on', async () => {
  const away = new Away(1000)
  away.ahead = 2

  expect(await away.course().run()).toBe('made')
})

test('a store that answers nobody is left after three tries, and so is one that has lost what it took', async () => {
  const away = new Away(1000)
  away.answers = () => 0
  await expect(away.course().run()).rejects.toThrow(NoWay)
  expect(away.order.filter((start) => start === 0).length).toBeLessThanOrEqual(3)

  const forgetful = new Away(1000)
  forgetful.ask = async (wanted) => {
    forgetful.lies.delete(900)
    return Away.prototype.ask.call(forgetful, wanted)
  }
  await expect(forgetful.course().run()).rejects.toThrow(NoWay)
})
