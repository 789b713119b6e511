// Names that several things share.

/** In their order, with a number from 1 for each that is not the only one of its name; 0 for those that are. */
export function repeatsOf(names: readonly string[]): { name: string; nth: number }[] {
  const counts = new Map<string, number>()
  const places = names.map((name) => {
    const nth = (counts.get(name) ?? 0) + 1
    counts.set(name, nth)
    return nth
  })
  return names.map((name, at) => ({ name, nth: counts.get(name) === 1 ? 0 : places[at]! }))
}
