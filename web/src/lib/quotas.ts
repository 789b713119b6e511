// How much people may keep, in words and as an operator writes it.
import { i18n, t } from './i18n.svelte'
import { sizeOf } from './sizes'
import type { Quota } from './types'

/** What is set for a role or a person: null is what is not. */
export interface SetQuota {
  file_max: number | null
  total_max: number | null
}

const GIGABYTE = 1e9
/** A petabyte: more than the server takes for a quota. */
const GIGABYTES_MAX = 1e6

/** What counts where something is set, or is not. */
export function inForce(set: SetQuota, otherwise: Quota): Quota {
  return {
    file_max: set.file_max ?? otherwise.file_max,
    total_max: set.total_max ?? otherwise.total_max,
  }
}

export function isSet({ file_max, total_max }: SetQuota): boolean {
  return file_max !== null || total_max !== null
}

export function quotaWords({ file_max, total_max }: Quota): string {
  return t('quotas.words', { value: sizeOf(file_max), max: sizeOf(total_max) })
}

/** As a number of gigabytes to be changed: 0,5; empty for what is not set. */
export function gigabytes(bytes: number | null): string {
  if (bytes === null) return ''
  const format = new Intl.NumberFormat(i18n.locale, { maximumFractionDigits: 9, useGrouping: false })
  return format.format(bytes / GIGABYTE)
}

/** Null for nothing written, undefined for what is no such number. */
export function bytesOf(written: string): number | null | undefined {
  const text = written.trim().replace(',', '.')
  if (!text) return null
  const value = /^\d{1,7}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined
  return value !== undefined && value <= GIGABYTES_MAX ? Math.round(value * GIGABYTE) : undefined
}
