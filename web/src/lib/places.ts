// The pure rules of places: two numbers, in words and as a link.
import type { Location } from './types'

type Place = Omit<Location, 'type'>

/** The two numbers of "61.5, 34.25", or undefined when they are none or not on the earth. */
export function parsePlace(
  latitude: string,
  longitude: string,
): { latitude: number; longitude: number } | undefined {
  const [north, east] = [latitude, longitude].map((text) => degrees(text))
  if (north === undefined || east === undefined || Math.abs(north) > 90 || Math.abs(east) > 180)
    return undefined
  return { latitude: north, longitude: east }
}

function degrees(text: string): number | undefined {
  const value = text.trim().replace('−', '-').replace(',', '.')
  return /^[+-]?\d{1,3}(\.\d{1,15})?$/.test(value) ? Number(value) : undefined
}

export function mapLink({ latitude, longitude }: Place): string {
  const [north, east] = [fixed(latitude, 6), fixed(longitude, 6)]
  return `https://www.openstreetmap.org/?mlat=${north}&mlon=${east}#map=15/${north}/${east}`
}

export function coordinates({ latitude, longitude }: Place): string {
  return `${fixed(latitude, 5)}, ${fixed(longitude, 5)}`
}

/** Of the two zeros that there are the one without a sign. */
function fixed(degrees: number, digits: number): string {
  return (Number(degrees.toFixed(digits)) + 0).toFixed(digits)
}
