//! HTTPS with a certificate that changes under way.

use crate::support::{Bench, DEADLINE, head};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client};
use std::path::Path;

/// Writes a certificate for 127.0.0.1 by a new authority, and answers the authority's.
fn renew(folder: &Path) -> Certificate {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params
        .signed_by(&key, &Issuer::new(ca, ca_key))
        .expect("a certificate");
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
    std::fs::write(folder.join("cert.pem"), certificate.pem()).expect("written");
    Certificate::from_pem(ca_certificate.pem().as_bytes()).expect("PEM")
}

async fn trusts(authority: &Certificate, url: &str) -> bool {
    let client = Client::builder()
        .no_proxy()
        .timeout(DEADLINE)
        .tls_certs_only([authority.clone()]);
    client
        .build()
        .expect("a client")
        .get(url)
        .send()
        .await
        .is_ok()
}

fn hang_up() {
    let me = std::process::id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-HUP", &me])
            .status()
            .expect("kill runs")
            .success()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_served_without_a_restart_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = renew(folder.path());
    let toml = format!(
        "{}tls.cert = {:?}\ntls.key = {:?}\n[standalone]\nsites = [\"A\"]\nprogram = []\n",
        head(folder.path()),
        folder.path().join("cert.pem"),
        folder.path().join("key.pem")
    );
    let bench = Bench::start(&toml).await;
    let url = bench.base.replace("http:", "https:");
    assert!(trusts(&first, &url).await);

    std::fs::write(folder.path().join("cert.pem"), "not a certificate").expect("written");
    hang_up();
    assert!(
        trusts(&first, &url).await,
        "the old certificate stays in use"
    );

    let second = renew(folder.path());
    hang_up();
    let renewed = async { while !trusts(&second, &url).await {} };
    tokio::time::timeout(DEADLINE, renewed)
        .await
        .expect("the new certificate is served");
    assert!(!trusts(&first, &url).await);
    bench.end().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    renew(folder.path());
    std::fs::write(folder.path().join("cert.pem"), "not a certificate").expect("written");
    let toml = format!(
        "{}tls.cert = {:?}\ntls.key = {:?}\n[standalone]\nsites = [\"A\"]\nprogram = []\n",
        head(folder.path()),
        folder.path().join("cert.pem"),
        folder.path().join("key.pem")
    );
    let config = relay::Config::from_toml(&toml, "relay.toml").expect("good");
    let error = relay::Relay::start(config, tokio_util::sync::CancellationToken::new())
        .await
        .expect_err("refused");
    assert!(
        error
            .to_string()
            .ends_with("cert.pem: holds no certificate, expected PEM with BEGIN CERTIFICATE"),
        "{error}"
    );
}
