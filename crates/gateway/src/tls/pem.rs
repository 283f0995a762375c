//! From two PEM files to what a listener encrypts with.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};

use super::{TlsError, TlsFiles};

/// Largest file that is read; chains have a few KiB.
const PEM_BYTES_MAX: u64 = 1 << 20;
/// Published clients speak HTTP/1.1, and so does the gateway.
const PROTOCOL: &[u8] = b"http/1.1";

/// The contents of both files at one moment. Not for printing: one is a secret.
#[derive(PartialEq, Eq)]
pub(super) struct Pem {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Pem {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { cert: read(&files.cert)?, key: read(&files.key)? })
    }

    /// The pair as it is served: TLS 1.2 and 1.3, HTTP/1.1.
    pub(super) fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = chain(&self.cert, &files.cert)?;
        let key = signing_key(&self.key, &files.key, &provider)?;
        let certified = CertifiedKey::new(chain, key);
        check_pair(&certified, files)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::new(&files.cert, error.to_string()))?;
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let limited = |file: std::fs::File| file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes);
    std::fs::File::open(path)
        .and_then(limited)
        .map_err(|error| TlsError::new(path, format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > PEM_BYTES_MAX {
        return Err(TlsError::new(path, "is too large to be a PEM file of certificates or keys"));
    }
    Ok(bytes)
}

fn chain(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let chain = found.map_err(|error| not_pem(path, &error))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    let problem = if holds(bytes, "PRIVATE KEY-----") {
        "holds a private key and no certificate; are tls_cert and tls_key swapped?"
    } else {
        "holds no certificate; it must be PEM (-----BEGIN CERTIFICATE-----)"
    };
    Err(TlsError::new(path, problem))
}

fn signing_key(
    bytes: &[u8],
    path: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, TlsError> {
    let key = match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => key,
        Err(PemError::NoItemsFound) => return Err(no_key(bytes, path)),
        Err(error) => return Err(not_pem(path, &error)),
    };
    provider.key_provider.load_private_key(key).map_err(|error| {
        let takes = "it takes RSA of 2048 bits and more, ECDSA P-256 or P-384, and Ed25519";
        TlsError::new(path, format!("the key cannot be used ({error}); {takes}"))
    })
}

fn no_key(bytes: &[u8], path: &Path) -> TlsError {
    let problem = if holds(bytes, "ENCRYPTED PRIVATE KEY-----") {
        "the key is encrypted; store it without a passphrase, readable by the gateway alone \
         (openssl pkey -in KEY -out KEY.plain)"
    } else if holds(bytes, "BEGIN CERTIFICATE-----") {
        "holds a certificate and no private key; are tls_cert and tls_key swapped?"
    } else {
        "holds no private key; it must be PEM (-----BEGIN PRIVATE KEY-----, or RSA or EC)"
    };
    TlsError::new(path, problem)
}

fn check_pair(certified: &CertifiedKey, files: &TlsFiles) -> Result<(), TlsError> {
    use rustls::{Error, InconsistentKeys};
    match certified.keys_match() {
        // Without a public key to compare with there is nothing to object to.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(Error::InconsistentKeys(_)) => {
            let cert = files.cert.display();
            let problem = format!("the key does not belong to the first certificate in {cert}");
            Err(TlsError::new(&files.key, problem))
        }
        Err(error) => {
            Err(TlsError::new(&files.cert, format!("the certificate cannot be used: {error}")))
        }
    }
}

fn not_pem(path: &Path, error: &PemError) -> TlsError {
    TlsError::new(path, format!("is damaged PEM: {error}"))
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
