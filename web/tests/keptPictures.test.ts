// The service worker and a window, in a browser whose every answer takes a moment.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { erasePictures, forgetPictures, keepPicturesOf } from '../src/lib/keptPictures'

const ANNA = '0anna'
const VERA = '0vera'
const MIB = 1024 * 1024

type Put = Map<string, Response>
const moment = () => new Promise((resolve) => setTimeout(resolve))

/** A cache that was dropped while somebody had it open takes what they put there, and nobody finds it. */
class FakeCaches {
  all = new Map<string, Put>()

  async keys() {
    await moment()
    return [...this.all.keys()]
  }

  async open(name: string) {
    await moment()
    if (!this.all.has(name)) this.all.set(name, new Map())
    return opened(this.all.get(name)!)
  }

  async delete(name: string) {
    await moment()
    return this.all.delete(name)
  }

  async match(key: string, { cacheName }: { cacheName: string }) {
    await moment()
    return this.all.get(cacheName)?.get(key)?.clone()
  }

  kept(): string[] {
    return [...this.all.values()].flatMap((cache) => [...cache.keys()])
  }
}

function opened(cache: Put) {
  const found = (path?: string) =>
    [...cache.keys()].filter((key) => !path || key === path || key.startsWith(`${path}?`))
  return {
    put: async (key: string, answer: Response) => {
      await moment()
      cache.set(key, answer)
    },
    matchAll: async (path?: string) => {
      await moment()
      return found(path).map((key) => cache.get(key)!.clone())
    },
    delete: async (path: string) => {
      await moment()
      for (const key of found(path)) cache.delete(key)
    },
  }
}

class FakeLocks {
  #last: Promise<unknown> = Promise.resolve()

  request(_: string, work: () => Promise<unknown>) {
    this.#last = this.#last.catch(() => {}).then(work)
    return this.#last
  }
}

let kept: FakeCaches
let server: (address: string) => Promise<Response>
let hear: (event: unknown) => void
let clock = 1

beforeEach(async () => {
  kept = new FakeCaches()
  server = async () => picture()
  vi.stubGlobal('caches', kept)
  vi.stubGlobal('navigator', { locks: new FakeLocks() })
  vi.stubGlobal('location', { origin: 'https://lake.example' })
  vi.stubGlobal('__FILES__', [])
  vi.stubGlobal('fetch', (request: { url: string }) => server(request.url))
  vi.stubGlobal('addEventListener', (name: string, listener: (event: unknown) => void) => {
    if (name === 'fetch') hear = listener
  })
  vi.spyOn(Date, 'now').mockImplementation(() => clock++)
  vi.resetModules()
  // @ts-expect-error It is no module of the client's: the browser runs it beside the window.
  await import('../src/service-worker.js')
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function picture(bytes = 1000): Response {
  return new Response('picture', { headers: { 'content-length': String(bytes) } })
}

/** What is shown, and when all that comes of it is done. */
function show(path: string): { answer: Promise<Response>; done: Promise<unknown> } {
  const after: Promise<unknown>[] = []
  let answer = Promise.resolve(Response.error())
  hear({
    request: { method: 'GET', url: `https://lake.example${path}`, mode: 'no-cors', destination: 'image' },
    respondWith: (given: Promise<Response>) => (answer = given),
    waitUntil: (work: Promise<unknown>) => after.push(work),
  })
  return { answer, done: answer.then(() => Promise.all(after)) }
}

const linked = (id: string, owner = ANNA, link = 'session.1.seal') =>
  `/v1/media/linked/${id}/${owner}.${link}/small`

test('what was seen is seen by any link of the same person, also without a network', async () => {
  await keepPicturesOf(ANNA)
  await show(linked('0pier')).done
  server = () => Promise.reject(new Error('no network'))

  expect((await show(linked('0pier', ANNA, 'another.2.seal')).answer).status).toBe(200)
  expect((await show(linked('0pier', ANNA, 'kept').replace('small', 'large')).answer).status).toBe(200)
  expect((await show(linked('0pier', VERA)).answer).type).toBe('error')
})

test('nothing is kept for whom no window has signed in, and who signs in drops what others saw', async () => {
  await show(linked('0pier')).done
  expect(kept.kept()).toEqual([])

  await keepPicturesOf(ANNA)
  await show(linked('0pier')).done
  expect(kept.kept()).toEqual(['/v1/media/0pier?small'])
  await keepPicturesOf(VERA)

  expect(kept.kept()).toEqual([])
  expect([...kept.all.keys()].every((name) => name.startsWith(`kaif-pictures-${VERA}-`))).toBe(true)
})

test.each([...Array(16).keys()])(
  'nothing comes back of what is put away while somebody signs out (%i moments later)',
  async (moments) => {
    await keepPicturesOf(ANNA)
    const { done } = show(linked('0pier'))
    for (let passed = 0; passed < moments; passed++) await moment()

    await erasePictures()
    await done

    expect([...kept.all.keys()]).toEqual([])
  },
)

test('who signs out does not wait for a picture that is still on its way', async () => {
  await keepPicturesOf(ANNA)
  const endless = new ReadableStream({ start: () => {} })
  server = async () => new Response(endless, { headers: { 'content-length': '1000' } })
  await show(linked('0pier')).answer
  for (let passed = 0; passed < 10; passed++) await moment()

  await erasePictures()

  expect([...kept.all.keys()]).toEqual([])
})

test('what the server shows no more is forgotten, in all its sizes', async () => {
  await keepPicturesOf(ANNA)
  for (const path of [linked('0pier'), linked('0pier').replace('small', 'large'), linked('0boat')])
    await show(path).done

  await forgetPictures(['0pier'])

  expect(kept.kept()).toEqual(['/v1/media/0boat?small'])
})

test('of what is refused, and of what is very large, nothing is kept', async () => {
  await keepPicturesOf(ANNA)
  server = async (address) =>
    address.includes('0none') ? new Response('', { status: 404 }) : picture(8 * MIB + 1)

  await show(linked('0none')).done
  await show(linked('0large')).done

  expect(kept.kept()).toEqual([])
})

test('when there is no more room, what was not looked at for longest goes', async () => {
  await keepPicturesOf(ANNA)
  server = async () => picture(8 * MIB)
  const see = async (from: number, to: number) => {
    for (let number = from; number < to; number++) await show(linked(`0p${number}`)).done
  }

  await see(0, 20)
  await show(linked('0p0')).done
  await see(20, 26)

  const numbers = kept.kept().map((key) => Number(/0p(\d+)/.exec(key)![1]))
  expect(kept.all.size).toBe(2)
  // Twelve are 96 MiB. Of the first twelve only the one that was looked at again is there.
  expect(numbers.filter((number) => number < 12)).toEqual([0])
  expect(new Set(numbers).size).toBe(15)
})
