/** Certificates for tests, made by openssl: an authority, and what it has signed. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;

/** Signed by itself; of this machine. */
export function selfSigned(dir: string, names = "DNS:localhost,IP:127.0.0.1"): Certificate {
  const files = { certFile: join(dir, "cert.pem"), keyFile: join(dir, "key.pem") };
  const to = ["-keyout", files.keyFile, "-out", files.certFile];
  const about = ["-days", "1", "-subj", "/CN=godwit test", "-addext", `subjectAltName=${names}`];
  openssl(["req", "-x509", ...curve, ...about, ...to]);
  return files;
}

export interface Authority {
  /** What those who trust it are given. */
  readonly caFile: string;
  readonly sign: (name: string, names: string) => Certificate;
}

export function authority(dir: string): Authority {
  const ca = { certFile: join(dir, "ca.pem"), keyFile: join(dir, "ca.key") };
  const to = ["-keyout", ca.keyFile, "-out", ca.certFile];
  openssl(["req", "-x509", ...curve, "-days", "1", "-subj", "/CN=private authority", ...to]);
  return {
    caFile: ca.certFile,
    sign: (name, names) => {
      const files = { certFile: join(dir, `${name}.pem`), keyFile: join(dir, `${name}.key`) };
      const [request, extension] = [join(dir, `${name}.csr`), join(dir, `${name}.ext`)];
      openssl(["req", "-new", ...curve, "-subj", `/CN=${name}`, "-keyout", files.keyFile, "-out", request]);
      writeFileSync(extension, `subjectAltName=${names}\n`);
      const by = ["-CA", ca.certFile, "-CAkey", ca.keyFile, "-CAcreateserial"];
      openssl(["x509", "-req", "-in", request, ...by, "-days", "1", "-extfile", extension, "-out", files.certFile]);
      return files;
    },
  };
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}
