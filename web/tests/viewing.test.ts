import { describe, expect, test, vi } from 'vitest'
import { attach, fresh, previewAt, previewsOf } from '../src/lib/films'
import { FIT, fitted, held, SCALE_MAX, zoomAt } from '../src/lib/zoom'

const VTT = `WEBVTT

00:00:00.000 --> 00:00:05.000
previews.jpg#xywh=0,0,160,90

1
00:00:05.000 --> 01:00:10.500
previews.jpg#xywh=160,0,160,90
`

describe('what a film looks like at its moments', () => {
  const previews = previewsOf(VTT.replaceAll('\n', '\r\n'), '/v1/media/linked/m/l/previews.vtt')

  test('is cut out of the picture beside the list', () => {
    expect(previews[1]).toEqual({
      fromS: 5,
      toS: 3610.5,
      image: '/v1/media/linked/m/l/previews.jpg',
      left: 160,
      top: 0,
      width: 160,
      height: 90,
    })
  })

  test('is known for each, and for what lies beyond the last', () => {
    expect(previewAt(previews, 4.9)).toBe(previews[0])
    expect(previewAt(previews, 5)).toBe(previews[1])
    expect(previewAt(previews, 9999)).toBe(previews[1])
    expect(previewAt([], 1)).toBeUndefined()
  })
})

describe('a picture under the fingers', () => {
  const frame = { width: 400, height: 800 }

  test('is as large as there is room for, and no larger than it is', () => {
    expect(fitted({ width: 4000, height: 3000 }, frame)).toEqual({ width: 400, height: 300 })
    expect(fitted({ width: 40, height: 30 }, frame)).toEqual({ width: 40, height: 30 })
  })

  test('grows around the point that is held', () => {
    const at = { x: 100, y: -50 }
    const view = zoomAt(FIT, 2, at)
    // The spot of the picture that was under the finger is there still.
    const spot = { x: at.x / 1, y: at.y / 1 }
    expect({ x: view.x + spot.x * view.scale, y: view.y + spot.y * view.scale }).toEqual(at)
  })

  test('is never smaller than whole and never larger than its bound', () => {
    expect(zoomAt(FIT, 0.1, { x: 0, y: 0 }).scale).toBe(1)
    expect(zoomAt(FIT, 1000, { x: 0, y: 0 }).scale).toBe(SCALE_MAX)
  })

  test('cannot be lost beyond the edge', () => {
    const picture = { width: 400, height: 300 }
    expect(held({ scale: 2, x: 900, y: 900 }, picture, frame)).toEqual({ scale: 2, x: 200, y: 0 })
    expect(held({ scale: 4, x: -9000, y: 9000 }, picture, frame)).toEqual({ scale: 4, x: -600, y: 200 })
  })
})

test('a film that is watched for long goes on by the link that is good now', () => {
  const piece = 'https://cdn.example/cdn/m/1/hls/0.m4s'
  expect(fresh(piece, 'https://cdn.example/cdn/m/2/hls/master.m3u8')).toBe(
    'https://cdn.example/cdn/m/2/hls/0.m4s',
  )
  expect(fresh(piece, '/v1/media/linked/m/l/hls/master.m3u8')).toBe('/v1/media/linked/m/l/hls/0.m4s')
  expect(fresh(piece, undefined)).toBe(piece)
})

describe('a film of which only a small one is there yet', () => {
  const [LINK, SMALL, WHOLE] = ['/v1/media/linked/m/l', 'film-360p.mp4', 'film.mp4']

  /** As a browser's: with another source all begins anew. */
  class Video extends EventTarget {
    currentTime = 0
    playbackRate = 1
    paused = true
    autoplay = false
    videoWidth = 0
    videoHeight = 0
    sources: string[] = []
    play = vi.fn(async () => void (this.paused = false))
    load(): void {}
    removeAttribute(): void {}
    get src(): string {
      return this.sources.at(-1) ?? ''
    }
    set src(src: string) {
      this.sources.push(src)
      Object.assign(this, { currentTime: 0, playbackRate: 1, paused: true })
    }
  }

  /** No browser here plays the file itself. */
  function small() {
    const video = new Video()
    const lost = vi.fn()
    const sources = { original: LINK, made: [SMALL], src: (name: string) => `${LINK}/${name}` }
    const playing = attach(video as unknown as HTMLVideoElement, sources, lost)
    video.dispatchEvent(new Event('error'))
    expect(video.src).toBe(`${LINK}/${SMALL}`)
    video.dispatchEvent(new Event('canplay'))
    return { video, playing, lost }
  }

  test('goes on as the whole one once that is there, at its place and speed', () => {
    const { video, playing } = small()
    Object.assign(video, { currentTime: 12.5, playbackRate: 1.5 })

    playing.improve([SMALL])
    expect(video.src).toBe(`${LINK}/${SMALL}`)
    playing.improve([SMALL, WHOLE])
    expect(video).toMatchObject({
      src: `${LINK}/${WHOLE}`,
      currentTime: 12.5,
      playbackRate: 1.5,
      paused: false,
    })

    playing.improve([SMALL, WHOLE, 'hls/master.m3u8'])
    expect(video.sources).toHaveLength(3)
  })

  test('stays stopped where it was stopped', () => {
    const { video, playing } = small()
    Object.assign(video, { currentTime: 3, paused: true })
    video.play.mockClear()

    playing.improve([SMALL, WHOLE])

    video.dispatchEvent(new Event('canplay'))
    expect(video).toMatchObject({ src: `${LINK}/${WHOLE}`, currentTime: 3, paused: true, autoplay: false })
    expect(video.play).not.toHaveBeenCalled()
  })

  test('goes on small when the whole one fails, and no more once nobody watches', () => {
    const { video, playing, lost } = small()
    video.currentTime = 7
    playing.improve([SMALL, WHOLE])
    video.dispatchEvent(new Event('error'))
    expect(video).toMatchObject({ src: `${LINK}/${SMALL}`, currentTime: 7 })
    expect(lost).not.toHaveBeenCalled()

    playing.end()
    playing.improve([SMALL, WHOLE])
    expect(video.src).toBe(`${LINK}/${SMALL}`)
  })

  test.each([
    ['as it was sent is left alone', 1080, [LINK]],
    [
      'by the address of what was sent, and is a small one, goes on as the whole one',
      640,
      [LINK, `${LINK}/${WHOLE}`],
    ],
  ])('that plays %s', (_, width, played) => {
    const canvas = { getContext: () => ({ drawImage: () => {} }), toDataURL: () => '' }
    vi.stubGlobal('document', { createElement: () => canvas })
    const video = Object.assign(new Video(), { videoWidth: width, videoHeight: (width * 9) / 16 })
    const sources = { original: LINK, made: [SMALL], src: (name: string) => `${LINK}/${name}` }
    const playing = attach(video as unknown as HTMLVideoElement, sources, () => {})
    playing.improve([SMALL, WHOLE])
    expect(video.sources).toEqual(played)
  })
})
