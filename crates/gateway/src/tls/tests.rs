//! Certificates of every kind, good and bad, through real handshakes.

mod client;

use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};
use rustls::ProtocolVersion;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use super::reload::Look;
use super::*;
pub(crate) use client::Client;

/// A certificate for `localhost` and its key, in two files.
pub(crate) struct Pair {
    folder: TempDir,
    cert: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let pair = Self { folder: TempDir::new().unwrap(), cert: String::new() };
        pair.renewed()
    }

    /// The same files with another certificate and another key.
    fn renewed(self) -> Self {
        let (cert, key) = self_signed(&KeyPair::generate().unwrap());
        self.write(&cert, &key)
    }

    fn write(mut self, cert: &str, key: &str) -> Self {
        let files = self.files();
        std::fs::write(files.cert, cert).unwrap();
        std::fs::write(files.key, key).unwrap();
        self.cert = cert.to_owned();
        self
    }

    pub(crate) fn files(&self) -> TlsFiles {
        let file = |name| self.folder.path().join(name);
        TlsFiles { cert: file("cert.pem"), key: file("key.pem") }
    }

    /// A client that trusts this certificate as it is now.
    pub(crate) fn client(&self) -> Client {
        Client::trusting(&self.cert)
    }

    fn problem(&self) -> String {
        Tls::open(self.files()).unwrap_err().to_string()
    }
}

fn self_signed(key: &KeyPair) -> (String, String) {
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.self_signed(key).unwrap().pem(), key.serialize_pem())
}

/// Shakes hands within this process; what both sides see.
async fn shake(tls: &Tls, client: &Client) -> io::Result<client::Stream> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (accepted, connected) = tokio::join!(tls.accept(ours), client.connect(theirs));
    accepted?;
    connected
}

#[tokio::test]
async fn both_versions_and_http_1_1_are_spoken() {
    let pair = Pair::new();
    let (tls, _reload) = Tls::open(pair.files()).unwrap();
    for (only, version) in [
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
    ] {
        let client = pair.client().speaking(only).offering(&["h2", "http/1.1"]);
        let stream = shake(&tls, &client).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(version));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let refused = shake(&tls, &pair.client().offering(&["h2"])).await;
    assert!(refused.is_err(), "another protocol is not pretended to be understood");
}

#[tokio::test]
async fn keys_of_every_curve_work() {
    let mut pair = Pair::new();
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let (cert, key) = self_signed(&KeyPair::generate_for(kind).unwrap());
        pair = pair.write(&cert, &key);
        let (tls, _reload) = Tls::open(pair.files()).unwrap();
        shake(&tls, &pair.client()).await.unwrap();
    }
}

#[test]
fn bad_files_are_named_with_what_is_wrong() {
    let pair = Pair::new();
    let (cert, key) = self_signed(&KeyPair::generate().unwrap());
    let (other, _) = self_signed(&KeyPair::generate().unwrap());
    let cases = [
        ("", &*key, "cert.pem: holds no certificate"),
        (&*key, &*key, "cert.pem: holds a private key"),
        (&*cert, "", "key.pem: holds no private key"),
        (&*cert, &*cert, "key.pem: holds a certificate"),
        (&*other, &*key, "key.pem: the key does not belong to the first certificate in"),
        (&cert[..cert.len() / 2], &*key, "cert.pem: is damaged PEM"),
        (&*cert, &key[..key.len() / 2], "key.pem: is damaged PEM"),
        (GARBAGE, &*key, "cert.pem: the certificate cannot be used"),
        (&*cert, ENCRYPTED, "key.pem: the key is encrypted"),
        (&*cert, NO_KEY, "key.pem: the key cannot be used"),
    ];
    let mut pair = pair;
    for (cert, key, says) in cases {
        pair = pair.write(cert, key);
        let problem = pair.problem();
        assert!(problem.contains(says), "{says}: {problem}");
        assert!(!problem.contains("MIG"), "nothing of the key is shown: {problem}");
    }
    let mut files = pair.files();
    files.key = "/nowhere/key.pem".into();
    let problem = Tls::open(files).unwrap_err().to_string();
    assert!(problem.contains("cert.pem") || problem.contains("/nowhere/key.pem"), "{problem}");
}

const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const ENCRYPTED: &str =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
const NO_KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

#[tokio::test]
async fn a_new_pair_is_taken_up_and_open_connections_live_on() {
    let pair = Pair::new();
    let old = pair.client();
    let (tls, mut reload) = Tls::open(pair.files()).unwrap();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (accepted, connected) = tokio::join!(tls.accept(ours), old.connect(theirs));
    let (mut server, mut open) = (accepted.unwrap(), connected.unwrap());
    assert_eq!(reload.look(), Look::Same);

    let pair = pair.renewed();
    assert_eq!(reload.look(), Look::Replaced);
    assert_eq!(reload.look(), Look::Same, "nothing is taken up twice");
    shake(&tls, &pair.client()).await.unwrap();
    shake(&tls, &old).await.unwrap_err();

    open.write_all(b"still here").await.unwrap();
    open.flush().await.unwrap();
    assert_eq!(client::read(&mut server, 10).await, b"still here");
}

#[tokio::test]
async fn a_broken_pair_leaves_the_old_one_and_is_told_once() {
    let pair = Pair::new();
    let (tls, mut reload) = Tls::open(pair.files()).unwrap();
    let client = pair.client();
    // Half of a change: the new certificate is there, its key is not yet.
    let (cert, key) = self_signed(&KeyPair::generate().unwrap());
    std::fs::write(pair.files().cert, &cert).unwrap();
    let Look::Broken(error) = reload.look() else { panic!("it is no pair") };
    assert!(error.to_string().contains("does not belong"), "{error}");
    assert_eq!(reload.look(), Look::Same, "told once");
    shake(&tls, &client).await.unwrap();

    std::fs::remove_file(pair.files().key).unwrap();
    assert!(matches!(reload.look(), Look::Broken(_)));
    assert_eq!(reload.look(), Look::Same);
    shake(&tls, &client).await.unwrap();

    let pair = pair.write(&cert, &key);
    assert_eq!(reload.look(), Look::Replaced, "when it is whole it is taken up");
    shake(&tls, &pair.client()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_files_are_followed_while_the_gateway_runs() {
    let pair = Pair::new();
    let (tls, reload) = Tls::open(pair.files()).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let mut changed = tls.0.clone();
    let pair = pair.renewed();
    let follow = reload.run(stop.clone());
    let story = async {
        changed.changed().await.unwrap();
        shake(&tls, &pair.client()).await.unwrap();
        stop.cancel();
    };
    tokio::join!(follow, story);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_dawdles_ends() {
    let pair = Pair::new();
    let (tls, _reload) = Tls::open(pair.files()).unwrap();
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    theirs.write_all(&[0x16, 0x03]).await.unwrap();
    assert_eq!(tls.accept(ours).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}
