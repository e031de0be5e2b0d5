import { describe, expect, test } from "vitest";
import { makeFilter } from "./filter.ts";
import { pathFromText } from "./path.ts";

function kept(paths: readonly string[], include: readonly string[], exclude: readonly string[]): readonly string[] {
  const filter = makeFilter(include, exclude);
  return paths.filter((path) => {
    const isDirectory = path.endsWith("/");
    return filter.keeps(pathFromText(isDirectory ? path.slice(0, -1) : path), isDirectory);
  });
}

describe("filters", () => {
  test("a pattern without a slash matches a name at any depth", () => {
    expect(kept(["a.log", "b/c.log", "b/c.txt", "log"], [], ["*.log"])).toEqual(["b/c.txt", "log"]);
  });

  test("a pattern with a slash matches the path from the root", () => {
    expect(kept(["a/x", "b/a/x", "x"], [], ["a/x"])).toEqual(["b/a/x", "x"]);
    expect(kept(["x", "a/x"], [], ["/x"])).toEqual(["a/x"]);
    expect(kept(["a/b/c.jpg", "c.jpg", "a/c.png"], [], ["**/*.jpg"])).toEqual(["a/c.png"]);
  });

  test("a slash at the end means directories only", () => {
    expect(kept(["cache", "cache/", "a/cache/"], [], ["cache/"])).toEqual(["cache"]);
  });

  test("an included directory brings what is in it; directories stay, since they lead to files", () => {
    expect(kept(["src/", "src/deep/", "src/deep/x.c", "doc/y.c", "z.c"], ["src/"], [])).toEqual([
      "src/",
      "src/deep/",
      "src/deep/x.c",
    ]);
    expect(kept(["a.txt", "d/", "d/b.txt", "d/c.md"], ["*.txt"], [])).toEqual(["a.txt", "d/", "d/b.txt"]);
  });

  test("exclusion wins over inclusion, and the root is always kept", () => {
    expect(kept(["a.txt", "b.txt", ""], ["*.txt"], ["a*"])).toEqual(["b.txt", ""]);
    expect(makeFilter(["none"], ["*"]).keeps(pathFromText(""), true)).toBe(true);
  });

  test("hidden names and names with parentheses, bars and signs are matched as they are", () => {
    expect(
      kept([".hidden", "report (1).txt", "a|b", "!bang", "c+d"], [], ["report (1).txt", "a|b", "!bang", "c+d"]),
    ).toEqual([".hidden"]);
    expect(kept([".hidden", "x/.hidden"], [], ["*hid*"])).toEqual([]);
    expect(kept(["a.jpg", "a.png", "a.gif"], [], ["*.{jpg,png}"])).toEqual(["a.gif"]);
  });

  test("text is compared, not bytes, and names that are not UTF-8 can be matched too", () => {
    expect(kept(["café.txt", "cafe.txt"], [], ["café*"])).toEqual(["cafe.txt"]);
    expect(makeFilter([], ["raw*"]).keeps("raw\xff" as ReturnType<typeof pathFromText>, false)).toBe(false);
  });

  test("keys without directories of their own are judged by their parents too", () => {
    const filter = makeFilter([], ["node_modules", "tmp/"]);
    const keeps = (key: string): boolean => filter.keepsKey(pathFromText(key));
    expect(["a/node_modules/x", "node_modules", "tmp/x/y", "a/tmp", "a/b"].filter(keeps)).toEqual(["a/tmp", "a/b"]);
  });
});
