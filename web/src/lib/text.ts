// Text with its web addresses found, never as HTML.
export interface Piece {
  text: string
  href?: string
}

const ADDRESS = /https?:\/\/[^\s<>"'`«»]+/giu
/** Punctuation after an address belongs to the sentence. */
const TRAILING = /[.,;:!?…)\]}]+$/u

export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutTrailing(match[0])
    if (!isAddress(address)) continue
    if (match.index > at) found.push({ text: text.slice(at, match.index) })
    found.push({ text: address, href: address })
    at = match.index + address.length
  }
  if (at < text.length) found.push({ text: text.slice(at) })
  return found
}

function withoutTrailing(address: string): string {
  const trailing = TRAILING.exec(address)?.[0] ?? ''
  // A bracket that was opened inside the address is part of it: …/Озеро_(водоём)
  const keepsBracket = trailing.startsWith(')') && address.includes('(')
  return address.slice(0, address.length - trailing.length + (keepsBracket ? 1 : 0))
}

function isAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).hostname !== ''
}

export function initials(name: string): string {
  const words = name.split(/\s+/u).map((word) => [...word].find((sign) => /[\p{L}\p{N}]/u.test(sign)))
  const [first, second] = words.filter((sign) => sign !== undefined)
  return ((first ?? '?') + (second ?? '')).toLocaleUpperCase()
}

/** Which of the eight avatar colours an id has. */
export function colourById(id: string): number {
  let hash = 2166136261
  for (const sign of id) hash = Math.imul(hash ^ sign.charCodeAt(0), 16777619)
  return ((hash >>> 0) % 8) + 1
}
