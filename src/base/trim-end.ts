/** @param character one UTF-16 code unit @returns without it at the end; a pattern such as `0+$` would look at each run of them again and again */
export function trimEndOf(text: string, character: string): string {
  const code = character.charCodeAt(0);
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === code) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}
