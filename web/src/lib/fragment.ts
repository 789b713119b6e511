// The secret of a letter's link stands after #, which no server sees. It is taken out of the address at once, so
// that neither the history nor a screenshot keeps it.
export function takeFragment(): string {
  const token = location.hash.slice(1)
  if (token) history.replaceState(history.state, '', location.pathname)
  return token
}
