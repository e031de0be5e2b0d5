import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareDecimals, digitsOf, isFiniteDecimal, isWholeDecimal, normalDecimal, withScale } from "./decimal.ts";

const normals: readonly [string, string | null][] = [
  ["1.50", "1.5"],
  ["1.5", "1.5"],
  ["+007", "7"],
  ["100", "100"],
  ["100.00", "100"],
  ["-0.00", "0"],
  ["0", "0"],
  ["-0", "0"],
  [".5", "0.5"],
  ["-.5", "-0.5"],
  ["5.", "5"],
  ["-0012.3400", "-12.34"],
  ["00.10", "0.1"],
  ["1e2", "100"],
  ["1.5E-3", "0.0015"],
  ["-12.50e1", "-125"],
  ["0e99", "0"],
  ["0.000e5", "0"],
  ["nan", "NaN"],
  ["-Infinity", "-Infinity"],
  ["inf", "Infinity"],
  ["123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"],
  ["", null],
  ["-", null],
  [".", null],
  ["-.", null],
  ["1.2.3", null],
  ["e5", null],
  ["1e", null],
  ["1 ", null],
  ["0x10", null],
  ["1e1000000", null],
  ["1e-100000000", null],
  ["constructor", null],
];

test.for(normals)("%s is %s", ([text, normal]) => {
  expect(normalDecimal(text)).toBe(normal);
});

const whole = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
const scale = fc.nat(12);

/** The number `value / 10^scale`, as an engine might write it. */
function written(value: bigint, digits: number): string {
  const text = (value < 0n ? -value : value).toString().padStart(digits + 1, "0");
  const fraction = digits === 0 ? "" : `.${text.slice(-digits)}`;
  return `${value < 0n ? "-" : ""}${text.slice(0, text.length - digits)}${fraction}`;
}

test("zeros at either end change nothing, and the normal form is its own", () => {
  fc.assert(
    fc.property(whole, scale, fc.nat(5), (value, digits, zeros) => {
      const text = written(value, digits);
      const normal = normalDecimal(text) as string;
      const longer = `${text}${digits === 0 ? "." : ""}${"0".repeat(zeros)}`;
      expect(normalDecimal(longer.replace(/^-?/, (sign) => `${sign}${"0".repeat(zeros)}`))).toBe(normal);
      expect(normalDecimal(normal)).toBe(normal);
      expect(isFiniteDecimal(normal)).toBe(true);
      expect(isWholeDecimal(normal)).toBe(value % 10n ** BigInt(digits) === 0n);
    }),
  );
});

test("an exponent says the same as the digits that it stands for", () => {
  fc.assert(
    fc.property(whole, scale, fc.integer({ min: -8, max: 8 }), (value, digits, power) => {
      const shifted = digits - power;
      const same = shifted >= 0 ? written(value, shifted) : written(value * 10n ** BigInt(-shifted), 0);
      expect(normalDecimal(`${written(value, digits)}e${power}`)).toBe(normalDecimal(same));
    }),
  );
});

test("numbers are compared by what they are worth", () => {
  fc.assert(
    fc.property(whole, scale, whole, scale, (one, oneScale, other, otherScale) => {
      const difference = one * 10n ** BigInt(otherScale) - other * 10n ** BigInt(oneScale);
      const compared = compareDecimals(
        normalDecimal(written(one, oneScale)) as string,
        normalDecimal(written(other, otherScale)) as string,
      );
      expect(Math.sign(compared)).toBe(difference < 0n ? -1 : difference > 0n ? 1 : 0);
    }),
  );
});

test("neighbours in the order of all numbers", () => {
  const ordered = ["-Infinity", "-100.5", "-100", "-99.9", "-0.1", "0", "0.01", "0.1", "2", "10", "Infinity", "NaN"];
  for (const [index, one] of ordered.entries())
    for (const [otherIndex, other] of ordered.entries())
      expect(Math.sign(compareDecimals(one, other)), `${one} and ${other}`).toBe(Math.sign(index - otherIndex));
});

test("digits are counted without the zero before the point, and a scale is filled up", () => {
  expect(digitsOf("-12.345")).toEqual({ whole: 2, fraction: 3 });
  expect(digitsOf("0.05")).toEqual({ whole: 0, fraction: 2 });
  expect(digitsOf("0")).toEqual({ whole: 0, fraction: 0 });
  expect(digitsOf("10")).toEqual({ whole: 2, fraction: 0 });
  expect(withScale("1.5", 3)).toBe("1.500");
  expect(withScale("-7", 2)).toBe("-7.00");
  expect(withScale("7", 0)).toBe("7");
});
