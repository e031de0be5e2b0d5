import type { Upload } from "./client-multipart.ts";

/**
 * The word that a head keeps for its upload: its id. In front of the id of a repair stands a mark: parts that it lacks
 * are taken from the published object.
 */
const repairMark = "repair ";

export interface Staging {
  readonly upload: Upload;
  readonly isRepair: boolean;
}

export function stagingWord(uploadId: string, isRepair: boolean): string {
  return isRepair ? `${repairMark}${uploadId}` : uploadId;
}

export function stagingOf(key: string, word: string): Staging {
  const isRepair = word.startsWith(repairMark);
  return { upload: { key, uploadId: isRepair ? word.slice(repairMark.length) : word }, isRepair };
}
