/** RFC 3339 to `2026-01-31 12:00:00 +0000 UTC`, as Docker's tables have it; `N/A` where there is none. */
export function formatMoment(text: string | null): string {
  const ms = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? "N/A" : `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}
