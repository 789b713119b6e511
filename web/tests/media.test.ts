import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MediaLinks, widthsFor, type MediaLink } from '../src/lib/mediaLinks.svelte'
import type { Format } from '../src/lib/shows'

let asked: string[][] = []
let fails = 0
let answer: (ids: string[]) => MediaLink[] | Promise<MediaLink[]> = () => []
const media = new MediaLinks(async (ids) => {
  asked.push(ids)
  if (fails-- > 0) throw new Error('offline')
  return answer(ids)
})

const HOUR_MS = 3_600_000

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  fails = 0
  answer = (ids) => ids.map((id) => link(id))
})

afterEach(() => {
  media.clear()
  vi.useRealTimers()
})

function link(media_id: string, mark = 'a'): MediaLink {
  const expires_at = new Date(Date.now() + HOUR_MS).toISOString()
  return { media_id, path: `/v1/media/linked/${media_id}/${mark}`, expires_at }
}

test('links of many files are asked for at once, and each of them once', async () => {
  for (let index = 0; index < 150; index += 1) media.src(`m${index}`)
  media.src('m0')
  await vi.advanceTimersByTimeAsync(100)
  expect(asked.map((ids) => ids.length)).toEqual([100, 50])
  expect(media.src('m7', 'medium')).toBe('/v1/media/linked/m7/a/medium')
  expect(media.src('m7')).toBe('/v1/media/linked/m7/a')
  await vi.advanceTimersByTimeAsync(100)
  expect(asked).toHaveLength(2)
})

test('a link is renewed before it runs out, and is good until it does', async () => {
  media.src('m')
  await vi.advanceTimersByTimeAsync(20)
  vi.advanceTimersByTime(HOUR_MS - 30_000)
  answer = (ids) => ids.map((id) => link(id, 'b'))
  expect(media.src('m')).toBe('/v1/media/linked/m/a')
  await vi.advanceTimersByTimeAsync(20)
  expect(media.src('m')).toBe('/v1/media/linked/m/b')
})

test('a clock that is hours fast does not ask for ever', async () => {
  answer = (ids) =>
    ids.map((id) => ({ ...link(id), expires_at: new Date(Date.now() - HOUR_MS).toISOString() }))
  media.src('m')
  for (let step = 0; step < 20; step += 1) {
    await vi.advanceTimersByTimeAsync(20)
    expect(media.src('m')).toBe('/v1/media/linked/m/a')
  }
  expect(asked).toHaveLength(1)
})

test('one that has run out opens nothing', async () => {
  media.src('m')
  await vi.advanceTimersByTimeAsync(20)
  vi.advanceTimersByTime(HOUR_MS)
  expect(media.src('m')).toBeUndefined()
})

test('what the server leaves out is not to be seen, and not asked for again and again', async () => {
  answer = () => []
  media.src('secret')
  await vi.advanceTimersByTimeAsync(20)
  expect(media.isHidden('secret')).toBe(true)
  media.src('secret')
  await vi.advanceTimersByTimeAsync(5000)
  expect(asked).toHaveLength(1)
  answer = (ids) => ids.map((id) => link(id))
  vi.advanceTimersByTime(60_000)
  media.src('secret')
  await vi.advanceTimersByTimeAsync(20)
  expect(media.isHidden('secret')).toBe(false)
})

test('without a network it asks again by itself, ever more seldom', async () => {
  fails = 3
  media.src('m')
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(asked).toHaveLength(4)
  expect(media.src('m')).toBeDefined()
})

describe('what this browser has kept', () => {
  const forgotten: string[] = []
  const keeping = new MediaLinks(
    async (ids) => {
      if (fails-- > 0) throw new Error('offline')
      return answer(ids)
    },
    () => 'webp',
    {
      path: (id, rendition) => (rendition ? `/kept/${id}/${rendition}` : undefined),
      forget: (ids) => forgotten.push(...ids),
    },
  )
  afterEach(() => keeping.clear())

  test('is shown while the server can’t be reached, and no longer', async () => {
    fails = 1
    expect(keeping.src('m', 'small')).toBeUndefined()
    await vi.advanceTimersByTimeAsync(20)
    expect(keeping.src('m', 'small')).toBe('/kept/m/small')
    expect(keeping.srcset('m', 320)).toBe('/kept/m/w320 320w')
    expect(keeping.src('m')).toBeUndefined()
    await vi.advanceTimersByTimeAsync(5000)
    expect(keeping.src('m', 'small')).toBe('/v1/media/linked/m/a/small')
  })

  test('is forgotten where the server shows it no more', async () => {
    answer = (ids) => ids.filter((id) => id !== 'secret').map((id) => link(id))
    keeping.src('m')
    keeping.src('secret')
    await vi.advanceTimersByTimeAsync(20)
    expect(forgotten).toEqual(['secret'])
  })
})

test('answers to whoever was signed in before are not kept', async () => {
  let come: (links: MediaLink[]) => void = () => {}
  answer = () => new Promise((resolve) => (come = resolve))
  media.src('m')
  await vi.advanceTimersByTimeAsync(20)
  const late = link('m', 'theirs')
  media.clear()
  come([late])
  await vi.advanceTimersByTimeAsync(0)
  answer = () => []
  expect(media.src('m')).toBeUndefined()
})

test.each([
  [200, [320]],
  [320, [320]],
  [700, [320, 640, 1280]],
  [5000, [320, 640, 1280, 1920]],
])('a picture %i wide comes in %j', (width, widths) => expect(widthsFor(width)).toEqual(widths))

describe('what a CDN may hold', () => {
  const MINUTE_MS = 60_000
  let format: Format = 'avif'
  const cdnMedia = new MediaLinks(
    async (ids) => {
      asked.push(ids)
      return answer(ids)
    },
    () => format,
  )
  const given = (mark: string, forMs = 10 * MINUTE_MS) => {
    const expires_at = new Date(Date.now() + forMs).toISOString()
    answer = (ids) =>
      ids.map((id) => ({ ...link(id), cdn: { url: `https://cdn.example/cdn/${id}/${mark}`, expires_at } }))
  }

  beforeEach(() => {
    format = 'avif'
    given('1')
  })
  afterEach(() => cdnMedia.clear())

  test('comes from there in what the browser shows, and the file itself from the server', async () => {
    cdnMedia.src('m')
    await vi.advanceTimersByTimeAsync(20)
    expect(cdnMedia.src('m', 'w640')).toBe('https://cdn.example/cdn/m/1/w640.avif')
    expect(cdnMedia.srcset('m', 400)).toBe(
      'https://cdn.example/cdn/m/1/w320.avif 320w, https://cdn.example/cdn/m/1/w640.avif 400w',
    )
    expect(cdnMedia.src('m', 'film.mp4')).toBe('https://cdn.example/cdn/m/1/film.mp4')
    expect(cdnMedia.src('m', 'hls/master.m3u8')).toBe('https://cdn.example/cdn/m/1/hls/master.m3u8')
    expect(cdnMedia.src('m')).toBe('/v1/media/linked/m/a')
    expect(cdnMedia.ownSrc('m', 'small')).toBe('/v1/media/linked/m/a/small')
    format = 'webp'
    expect(cdnMedia.src('m', 'poster')).toBe('https://cdn.example/cdn/m/1/poster.webp')
  })

  test('is asked for anew in time, and from the server when its link has ended', async () => {
    cdnMedia.src('m')
    await vi.advanceTimersByTimeAsync(20)
    vi.advanceTimersByTime(10 * MINUTE_MS - 20_000)
    given('2')
    expect(cdnMedia.src('m', 'small')).toBe('https://cdn.example/cdn/m/1/small.avif')
    await vi.advanceTimersByTimeAsync(20)
    expect(cdnMedia.src('m', 'small')).toBe('https://cdn.example/cdn/m/2/small.avif')
    vi.advanceTimersByTime(20 * MINUTE_MS)
    expect(cdnMedia.src('m', 'small')).toBe('/v1/media/linked/m/a/small')
  })

  test('that does not come is asked of the server for a while', async () => {
    cdnMedia.src('m')
    await vi.advanceTimersByTimeAsync(20)
    cdnMedia.renew('m')
    await vi.advanceTimersByTimeAsync(20)
    expect(cdnMedia.src('m', 'small')).toBe('/v1/media/linked/m/a/small')
    vi.advanceTimersByTime(10 * MINUTE_MS)
    cdnMedia.src('m', 'small')
    await vi.advanceTimersByTimeAsync(20)
    expect(cdnMedia.src('m', 'small')).toBe('https://cdn.example/cdn/m/1/small.avif')
  })

  test('is neither asked for without end nor too long by a clock that is wrong', async () => {
    given('1', -60 * MINUTE_MS)
    cdnMedia.src('m', 'small')
    for (let step = 0; step < 20; step += 1) {
      await vi.advanceTimersByTimeAsync(20)
      cdnMedia.src('m', 'small')
    }
    expect(asked).toHaveLength(1)
    given('2', 60 * MINUTE_MS)
    cdnMedia.src('n', 'small')
    await vi.advanceTimersByTimeAsync(20)
    vi.advanceTimersByTime(10 * MINUTE_MS)
    expect(cdnMedia.src('n', 'small')).toBe('/v1/media/linked/n/a/small')
  })
})
