// How a film is brought to play, and what it looks like at any of its moments.
import type Hls from 'hls.js/light'

/** A piece of the sprite of previews, in pixels. */
export interface FilmPreview {
  fromS: number
  toS: number
  image: string
  left: number
  top: number
  width: number
  height: number
}

const CUE = /(\S+) --> (\S+)[^\n]*\n(\S+?)#xywh=(\d+),(\d+),(\d+),(\d+)/g

/** WebVTT whose cues are pieces of pictures; addresses are beside `path`. */
export function previewsOf(vtt: string, path: string): FilmPreview[] {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  return [...vtt.replace(/\r\n?/g, '\n').matchAll(CUE)].map(([, from, to, name, ...sides]) => {
    const [left = 0, top = 0, width = 0, height = 0] = sides.map(Number)
    return { fromS: seconds(from!), toS: seconds(to!), image: folder + name!, left, top, width, height }
  })
}

export function previewAt(previews: readonly FilmPreview[], atS: number): FilmPreview | undefined {
  return previews.find(({ fromS, toS }) => atS >= fromS && atS < toS) ?? previews.at(-1)
}

/** 01:02:03.500, or 02:03.500 */
function seconds(time: string): number {
  return time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
}

export interface Sources {
  original: string
  /** Names of what was made of it. */
  made: readonly string[]
  /** Where one of these is at this moment: links to a CDN end while one watches. */
  src: (name: typeof MASTER | typeof FILM) => string | undefined
}

export interface Playing {
  /** More has been made of the film: if a smaller one plays, the whole takes its place, and goes on where that was. */
  improve: (made: readonly string[]) => void
  /** From now on so many lines; what the network carries, without any. */
  choose: (lines: number | undefined) => void
  end: () => void
}

/**
 * Play by HLS where there is one and the browser has media sources, so that a slow network gets a smaller picture; else
 * by what the browser has itself. What fails is followed by the next: the film in one file, from a CDN if there is one
 * and from the server itself, then the file as it was sent. `offered` hears of how many lines one may choose, the most
 * first.
 */
export function attach(
  video: HTMLVideoElement,
  { original, made, src }: Sources,
  lost: () => void,
  offered: (lines: readonly number[]) => void = () => {},
): Playing {
  const master = src(MASTER) ?? `${original}/${MASTER}`
  const filmsIn = (made: readonly string[]): string[] =>
    made.includes(FILM) ? [...new Set([src(FILM) ?? '', `${original}/${FILM}`])].filter(Boolean) : []
  // Before the whole film is there, a smaller one is: for whoever sent what no browser plays.
  const smaller = made.filter((name) => RUNG.test(name)).map((name) => `${original}/${name}`)
  const next = [...filmsIn(made), original, ...smaller]
  let hls: Hls | undefined
  /** The file that plays, where no pieces do. */
  let current = ''
  let over = false

  function fallBack(): void {
    hls?.destroy()
    hls = undefined
    if (over) return
    offered([])
    const src = next.shift()
    if (src === undefined) return lost()
    const { currentTime, playbackRate } = video
    video.src = current = src
    if (currentTime) video.currentTime = currentTime
    video.playbackRate = playbackRate
  }

  /** Whoever is not its sender is given a smaller one by the original's own address too. */
  function playsSmaller(): boolean {
    const lines = linesIn({ width: video.videoWidth, height: video.videoHeight })
    return (
      smaller.includes(current) ||
      (current === original && smaller.some((src) => src.endsWith(`-${lines}p.mp4`)))
    )
  }

  function improve(made: readonly string[]): void {
    const films = filmsIn(made)
    if (over || !films.length || !playsSmaller()) return
    next.unshift(...films, current)
    const goesOn = !video.paused
    // Whoever has stopped it to look at something does not see it go on.
    video.autoplay = goesOn
    holdFrame(video)
    fallBack()
    if (goesOn) play()
  }

  async function begin(): Promise<void> {
    const { default: Hls } = await import('hls.js/light')
    if (over) return
    if (!Hls.isSupported()) throw new Error('no media sources')
    // Pieces are MP4 already: there is no work for a worker, and none is let in by our policy.
    hls = new Hls({
      enableWorker: false,
      capLevelToPlayerSize: true,
      maxBufferLength: 30,
      xhrSetup: (xhr, url) => xhr.open('GET', fresh(url, src(MASTER)), true),
    })
    hls.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => offered(linesOf(levels)))
    hls.on(Hls.Events.ERROR, (_event, { fatal }) => fatal && fallBack())
    hls.loadSource(master)
    hls.attachMedia(video)
  }

  function choose(lines: number | undefined): void {
    if (!hls) return
    // Whoever chooses wants to see it now, and not when what is there already has been seen.
    if (lines) hls.currentLevel = hls.levels.findIndex((level) => linesIn(level) === lines)
    else hls.nextLevel = AUTOMATIC
  }

  // As soon as there is enough of it, whatever came of the source before: a pause between two sources ends what the
  // browser does by itself. Where it may not begin so, its button does.
  video.autoplay = true
  const play = () => void (video.paused && video.play().catch(() => {}))
  video.addEventListener('canplay', play, { once: true })
  const failed = () => !hls && fallBack()
  video.addEventListener('error', failed)
  const pieces = made.includes(MASTER)
  if (pieces && 'MediaSource' in window) begin().catch(fallBack)
  else {
    if (pieces && video.canPlayType('application/vnd.apple.mpegurl')) next.unshift(master)
    fallBack()
  }
  const end = (): void => {
    over = true
    video.removeEventListener('error', failed)
    video.removeEventListener('canplay', play)
    hls?.destroy()
    video.removeAttribute('src')
    video.load()
  }
  return { improve, choose, end }
}

interface Sides {
  width: number
  height: number
}

/** A film that stands upright has as many as if it lay. */
export function linesIn({ width, height }: Sides): number {
  return Math.min(width, height)
}

function linesOf(levels: readonly Sides[]): number[] {
  return [...new Set(levels.map(linesIn))].sort((one, other) => other - one)
}

/** What is seen now stays in sight until there is a frame of the next source. */
function holdFrame(video: HTMLVideoElement): void {
  if (!video.videoWidth) return
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d')!.drawImage(video, 0, 0)
  const before = video.poster
  try {
    video.poster = canvas.toDataURL('image/jpeg')
  } catch {
    // It came from elsewhere.
    return
  }
  video.addEventListener('loadeddata', () => (video.poster = before), { once: true })
}

/** As hls.js says that no level is chosen. */
const AUTOMATIC = -1
const MASTER = 'hls/master.m3u8'
const FILM = 'film.mp4'
const RUNG = /^film-\d+p\.mp4$/
const FOLDER = '/hls/'

/** The address of a piece, by the link that is good now: that by which the film began may have ended since. */
export function fresh(url: string, master: string | undefined): string {
  const [at, from] = [url.lastIndexOf(FOLDER), master?.lastIndexOf(FOLDER) ?? -1]
  return at < 0 || from < 0 ? url : master!.slice(0, from) + url.slice(at)
}
