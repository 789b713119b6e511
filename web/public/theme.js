// Runs before the first paint: a chosen theme or language must not flash the default one.
try {
  const root = document.documentElement
  const theme = localStorage.getItem('kaif.theme')
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme
  root.lang = localStorage.getItem('kaif.locale') || (navigator.language.startsWith('ru') ? 'ru' : 'en')
} catch {
  // Storage may be forbidden; the system's theme is then the right one.
}
