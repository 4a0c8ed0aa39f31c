import { ComponentResource, secret, type Input, type Output } from "@pulumi/pulumi";
import { CertRequest, LocallySignedCert, PrivateKey, SelfSignedCert } from "@pulumi/tls";

const HOURS = 24;
const YEARS = 365 * HOURS;

export interface Certificate {
  certificate: Output<string>;
  /** PKCS 8: the only form that all three stores can read. */
  key: Output<string>;
}

/** Signs certificates for stores whose operators do not. `pulumi up` renews certificates that expire soon. */
export class CertificateAuthority extends ComponentResource {
  readonly pem: Output<string>;
  readonly #key: PrivateKey;

  constructor(name: string, parent: ComponentResource) {
    super("saasaparilla:CertificateAuthority", name, {}, { parent });
    this.#key = new PrivateKey(name, { algorithm: "ECDSA", ecdsaCurve: "P256" }, { parent: this });
    const own = new SelfSignedCert(
      name,
      {
        privateKeyPem: secret(this.#key.privateKeyPem),
        isCaCertificate: true,
        setSubjectKeyId: true,
        subject: { commonName: name },
        validityPeriodHours: 10 * YEARS,
        earlyRenewalHours: YEARS,
        allowedUses: ["cert_signing", "crl_signing", "digital_signature"],
      },
      { parent: this },
    );
    this.pem = own.certPem;
    this.registerOutputs({});
  }

  /** For a server with any of these names. It is also a client of its peers. */
  certify(name: string, dnsNames: Input<string>[]): Certificate {
    const key = new PrivateKey(name, { algorithm: "ECDSA", ecdsaCurve: "P256" }, { parent: this });
    const request = new CertRequest(
      name,
      { privateKeyPem: secret(key.privateKeyPem), dnsNames, subject: { commonName: name } },
      { parent: this },
    );
    const signed = new LocallySignedCert(
      name,
      {
        certRequestPem: request.certRequestPem,
        caPrivateKeyPem: secret(this.#key.privateKeyPem),
        caCertPem: this.pem,
        validityPeriodHours: YEARS,
        earlyRenewalHours: 60 * HOURS,
        allowedUses: ["digital_signature", "key_encipherment", "server_auth", "client_auth"],
      },
      { parent: this },
    );
    return { certificate: signed.certPem, key: secret(key.privateKeyPemPkcs8) };
  }
}
