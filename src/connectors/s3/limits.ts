import { GodwitError } from "../../base/errors.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export interface S3Limits {
  readonly partBytesMin: number;
  readonly partBytesMax: number;
  readonly partsMax: number;
  /** Sizes of parts above the least are whole multiples of it. */
  readonly partBytesStep: number;
}

const MiB = 2 ** 20;

/** 10,000 parts of 5 GiB are 48.8 TiB. */
export const amazonLimits: S3Limits = {
  partBytesMin: 8 * MiB,
  partBytesMax: 5 * 1024 * MiB,
  partsMax: 10_000,
  partBytesStep: MiB,
};

export function objectBytesMax({ partBytesMax, partsMax }: S3Limits): number {
  return partBytesMax * partsMax;
}

/** Bytes of a part: the least that lets the object end within the greatest number of parts. @throws too_large */
export function partBytes(sizeBytes: number, limits: S3Limits): number {
  const { partBytesMin, partBytesMax, partsMax, partBytesStep } = limits;
  if (sizeBytes > objectBytesMax(limits)) throw tooLarge(`an object of ${sizeBytes} bytes`, limits);
  const least = Math.ceil(sizeBytes / partsMax);
  if (least <= partBytesMin) return partBytesMin;
  return Math.min(Math.ceil(least / partBytesStep) * partBytesStep, partBytesMax);
}

export function tooLarge(what: string, limits: S3Limits): GodwitError {
  return new GodwitError("too_large", {
    disposition: "rejected",
    what: `${what} is more than S3 holds (${limits.partsMax} parts of ${limits.partBytesMax} bytes)`,
    hint: "Split it, exclude it, or choose a file system as the target.",
  });
}
