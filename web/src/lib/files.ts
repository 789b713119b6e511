// What is said of files in words.
import { t } from './i18n.svelte'
import { lengthOf, sizeOf } from './sizes'
import type { Attachment } from './types'

const ICONS = { image: 'picture', video: 'video', audio: 'music', voice: 'mic', file: 'attach' }

/** A message's files in a line: in a list, a quote, a bar. What was written with them says more than they do. */
export function lineOfFiles(files: readonly Attachment[], text: string): string {
  return text || (files.length ? nameOfFiles(files) : '')
}

export function iconOfKind({ kind }: Attachment): string {
  return ICONS[kind]
}

/** All of a message's, as they are called aloud. */
export function nameOfFiles(files: readonly Attachment[]): string {
  const first = files[0]!
  const alike = files.every(({ kind }) => kind === first.kind)
  if (files.length > 1) {
    if (alike && first.kind === 'image') return t('files.photos', { n: files.length })
    if (alike && first.kind === 'video') return t('files.films', { n: files.length })
    return t('files.many', { n: files.length })
  }
  return nameOfFile(first)
}

/** A GIF that was too large to stay a picture is a film. */
export function isGif({ kind, type }: Attachment): boolean {
  return kind === 'video' && type === 'image/gif'
}

/** One file, as it is called aloud. */
export function nameOfFile(file: Attachment): string {
  const { kind, name, shown } = file
  const length = lengthOf(shown?.duration_ms ?? 0)
  if (kind === 'image') return t(shown?.animated ? 'files.animation' : 'files.photo')
  if (isGif(file)) return t('files.animation')
  if (kind === 'video') return shown?.duration_ms ? t('files.film_of', { time: length }) : t('files.film')
  if (kind === 'voice') return t('files.voice_of', { time: length })
  return name
}

/** Its size and how its name ends: 1,2 МБ · PDF */
export function aboutFile({ name, size }: Attachment): string {
  const ending = /\.([\p{L}\p{N}]{1,6})$/u.exec(name)?.[1]
  return ending ? `${sizeOf(size)} · ${ending.toUpperCase()}` : sizeOf(size)
}

const ARCHIVES = /\.(zip|rar|7z|tar|t?gz|bz2|xz|zst)$/i
const TEXTS = /\.(txt|md|rtf|odt|docx?|pdf|csv|xlsx?|ods|pptx?|odp|epub|fb2)$/i
const SOUNDS = /\.(mp3|m4a|ogg|opus|flac|wav|aac)$/i
const FILMS = /\.(mp4|mov|webm|mkv|avi)$/i

// Of which some browsers know no type.
const TYPES: [RegExp, string][] = [
  [/\.hei[cf]$/i, 'image/heic'],
  [/\.avif$/i, 'image/avif'],
  [/\.mkv$/i, 'video/x-matroska'],
  [FILMS, 'video/mp4'],
  [SOUNDS, 'audio/mpeg'],
]

/** What it is sent as: the server looks for itself, and needs to know only whether it is meant to be seen or heard. */
export function typeOf({ name, type }: { name: string; type: string }): string {
  return type || (TYPES.find(([ending]) => ending.test(name))?.[1] ?? '')
}

export function iconOf({ name, type }: Attachment): string {
  if (type.startsWith('image/')) return 'camera'
  if (type.startsWith('video/') || FILMS.test(name)) return 'video'
  if (type.startsWith('audio/') || SOUNDS.test(name)) return 'music'
  if (ARCHIVES.test(name)) return 'archive'
  return TEXTS.test(name) || type.startsWith('text/') ? 'text-file' : 'file'
}
