// How well words answer what somebody types: names in Russian or Latin letters, shortened, or typed in the
// other keyboard layout.

const LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
const RUSSIAN = 'ёйцукенгшщзхъфывапролджэячсмитьбю'

/** Where a letter is written as one letter or several: GOST 7.79 B without its apostrophes, as names are spelled. */
const ROMAN: Record<string, string> = {
  а: 'a',
  б: 'b',
  в: 'v',
  г: 'g',
  д: 'd',
  е: 'e',
  ж: 'zh',
  з: 'z',
  и: 'i',
  й: 'y',
  к: 'k',
  л: 'l',
  м: 'm',
  н: 'n',
  о: 'o',
  п: 'p',
  р: 'r',
  с: 's',
  т: 't',
  у: 'u',
  ф: 'f',
  х: 'kh',
  ц: 'ts',
  ч: 'ch',
  ш: 'sh',
  щ: 'shch',
  ъ: '',
  ы: 'y',
  ь: '',
  э: 'e',
  ю: 'yu',
  я: 'ya',
}

const STARTS = 4
const STARTS_WORD = 3
const CONTAINS = 2
const SCATTERED = 1
/** Beyond its first letter, so many letters may be left out within one word or name. */
const SKIPPED_MAX = 12

/** The same keys on the other layout: «фтт» is "ann", "ghbdtn" is «привет». */
export function otherLayout(typed: string): string {
  return [...typed.toLowerCase()]
    .map((letter) => LATIN[RUSSIAN.indexOf(letter)] ?? RUSSIAN[LATIN.indexOf(letter)] ?? letter)
    .join('')
}

/** Case, ё and doubled spaces make no difference; marks other than the one of й neither. */
export function plain(words: string): string {
  return words
    .toLowerCase()
    .replaceAll('ё', 'е')
    .normalize('NFD')
    .replace(/(?<!и)\p{M}/gu, '')
    .normalize('NFC')
    .replace(/\s+/g, ' ')
    .trim()
}

/** In Latin letters: «Женя» is "zhenya". */
export function romanised(words: string): string {
  return [...words].map((letter) => ROMAN[letter] ?? letter).join('')
}

/** From 0, no answer at all, to 4, the words begin with what was typed. */
export function fit(typed: string, ...words: readonly string[]): number {
  const asked = [plain(typed), plain(otherLayout(typed))].filter(Boolean)
  if (!asked.length) return SCATTERED
  return Math.max(
    0,
    ...asked.flatMap((wanted, at) => words.map((text) => fitOne(wanted, plain(text)) - at / 10)),
  )
}

function fitOne(wanted: string, text: string): number {
  return Math.max(fitSpelled(wanted, text), fitSpelled(romanised(wanted), romanised(text)) - 0.05)
}

function fitSpelled(wanted: string, text: string): number {
  if (!wanted) return 0
  if (text.startsWith(wanted)) return STARTS
  const at = text.indexOf(wanted)
  if (text.includes(` ${wanted}`)) return STARTS_WORD
  if (at >= 0) return CONTAINS
  return wanted.length > 1 && isScattered(wanted, text) ? SCATTERED : 0
}

/** The letters come in this order, the first of them at the beginning of a word. */
function isScattered(wanted: string, text: string): boolean {
  const letters = [...wanted].filter((letter) => letter !== ' ')
  for (const { index: start } of text.matchAll(/(?<=^|[\s_.@«"(-])\S/g)) {
    if (text[start] !== letters[0]) continue
    let at = start
    let skipped = 0
    const whole = letters.slice(1).every((letter) => {
      const next = text.indexOf(letter, at + 1)
      if (next < 0) return false
      skipped += next - at - 1
      at = next
      return true
    })
    if (whole && skipped <= SKIPPED_MAX) return true
  }
  return false
}
