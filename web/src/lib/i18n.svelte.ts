// Words, plurals, numbers and dates in the reader's language. Reading `t` inside a component tracks the locale.
import { IntlMessageFormat } from 'intl-messageformat'
import en from '../locales/en'
import ru from '../locales/ru'

export type Locale = 'ru' | 'en'
export type Key = keyof typeof ru

const STORAGE_KEY = 'kaif.locale'
/** A part of a text that is the same whatever the values are, to intl-messageformat. */
const LITERAL = 0
const catalogues: Record<Locale, Record<Key, string>> = { ru, en }

class I18n {
  locale = $state<Locale>(storedLocale() ?? (navigator.language.startsWith('ru') ? 'ru' : 'en'))

  choose(locale: Locale): void {
    this.locale = locale
    localStorage.setItem(STORAGE_KEY, locale)
  }
}

export const i18n = new I18n()

/** What has been said once is said again without being read again. */
const sayings = new Map<string, (values?: Record<string, string | number>) => string>()

export function t(key: Key, values?: Record<string, string | number>): string {
  const id = i18n.locale + key
  let say = sayings.get(id)
  if (!say) sayings.set(id, (say = sayingOf(catalogues[i18n.locale][key], i18n.locale)))
  return say(values)
}

function sayingOf(text: string, locale: Locale): (values?: Record<string, string | number>) => string {
  // Our texts carry only <b>, which `tParts` splits; here a tag is text like any other.
  const format = new IntlMessageFormat(locale === 'ru' ? glue(text) : text, locale, undefined, {
    ignoreTag: true,
  })
  const said = format.getAst().every(({ type }) => type === LITERAL) ? String(format.format()) : undefined
  return (values) => said ?? String(format.format(values))
}

/** A text with one <b>…</b>: what stands before, inside and after it. */
export function tParts(key: Key, values?: Record<string, string | number>): [string, string, string] {
  const [before = '', inside = '', after = ''] = t(key, values).split(/<\/?b>/)
  return [before, inside, after]
}

export function isKey(key: string): key is Key {
  return key in ru
}

/** Short Russian words stick to the next one, so that no line ends with them. */
function glue(text: string): string {
  return text.replace(/(?<=^|[\s(«{])(в|и|не|на|с|к|о|у|за|от|до|по|из|а|но|вы|№)\s/giu, '$1\u00a0')
}

function storedLocale(): Locale | undefined {
  const stored = localStorage.getItem(STORAGE_KEY)
  return stored === 'ru' || stored === 'en' ? stored : undefined
}
