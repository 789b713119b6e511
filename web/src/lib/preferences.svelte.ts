// How this browser likes to look and to be typed at.
export type Theme = 'system' | 'light' | 'dark'

const THEME_KEY = 'kaif.theme'
const SINGLE_KEYS_KEY = 'kaif.single_keys'
const SOUND_KEY = 'kaif.sound'

class Preferences {
  theme = $state<Theme>(storedTheme())
  singleKeys = $state(localStorage.getItem(SINGLE_KEYS_KEY) !== 'off')

  /** Whether a message that comes while one looks elsewhere is heard. */
  sound = $state(localStorage.getItem(SOUND_KEY) !== 'off')

  useSound(on: boolean): void {
    this.sound = on
    localStorage.setItem(SOUND_KEY, on ? 'on' : 'off')
  }

  chooseTheme(theme: Theme): void {
    this.theme = theme
    if (theme === 'system') localStorage.removeItem(THEME_KEY)
    else localStorage.setItem(THEME_KEY, theme)
  }

  useSingleKeys(on: boolean): void {
    this.singleKeys = on
    localStorage.setItem(SINGLE_KEYS_KEY, on ? 'on' : 'off')
  }
}

function storedTheme(): Theme {
  const stored = localStorage.getItem(THEME_KEY)
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}

export const preferences = new Preferences()
