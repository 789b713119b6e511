// Sites that links lead to, as they are named to people.
import type { Entry } from './types'

const PASSED_OVER = /```[\s\S]*?```|`[^`\n]+`|\|\|[\s\S]*?\|\|/g
const LINK = /(?<![\p{L}\p{N}])https?:\/\/[^\s<>"'`«»]+/iu

/** The first link of what is being written; the server has the last word on what is one. */
export function linkIn(text: string): string {
  const link = LINK.exec(text.replace(PASSED_OVER, ' '))?.[0].replace(/[.,;:!?…)\]}*_~|]+$/, '')
  return link && URL.canParse(link) ? link : ''
}

/** The site to which it leads. */
export function siteIn(text: string): string {
  return linkIn(text)
    .toLowerCase()
    .replace(/^https?:\/\/(www\.)?/, '')
    .split(/[/?#]/)[0]!
}

/** Before it, what a page calls its site, unless that is the same again. */
export function sourceOf({ site, host }: NonNullable<Entry['preview']>): string {
  return site && site.toLowerCase() !== host.toLowerCase() ? `${site} · ${host}` : host
}
