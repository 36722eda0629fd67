//! TLS of the public listener.

use orchestrator::{Config, Orchestrator};
use rcgen::{CertificateParams, KeyPair};
use std::path::Path;
use tokio_util::sync::CancellationToken;

fn write_certificate(folder: &Path) -> String {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(folder.join("server.pem"), certificate.pem()).expect("written");
    std::fs::write(folder.join("server.key"), key.serialize_pem()).expect("written");
    certificate.pem()
}

const CONFIG: &str = "[data]\ndir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[tls]\ncert = \"server.pem\"\nkey = \"server.key\"\n\
     [[users]]\nname = \"admin\"\nrole = \"operator\"\npassword = \"một mật khẩu dài\"\n";

fn config(folder: &Path) -> Config {
    Config::from_toml(CONFIG, &folder.join("serve.toml").display().to_string()).expect("good")
}

fn client(pem: &str) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    reqwest::Client::builder()
        .tls_certs_only([root])
        .build()
        .expect("a client")
}

#[tokio::test]
async fn a_renewed_certificate_counts_without_a_restart_and_cookies_are_for_tls_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = write_certificate(folder.path());
    let stop = CancellationToken::new();
    let running = Orchestrator::start(config(folder.path()), stop.clone())
        .await
        .expect("started");
    let url = format!("https://{}/api/session", running.http_address());
    let body = serde_json::json!({ "user": "admin", "password": "một mật khẩu dài" });
    let answer = client(&first)
        .post(&url)
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert!(
        answer.headers()["set-cookie"]
            .to_str()
            .expect("text")
            .contains("; Secure")
    );
    assert!(answer.headers().contains_key("strict-transport-security"));

    let second = write_certificate(folder.path());
    // Until the files are looked at again, the old certificate is answered and the new one not trusted.
    let renewed = async {
        while client(&second).get(&url).send().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(crate::harness::DEADLINE, renewed)
        .await
        .expect("the new certificate is in force");
    stop.cancel();
    running.stopped().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    write_certificate(folder.path());
    std::fs::write(folder.path().join("server.key"), "no key").expect("written");
    let refused = Orchestrator::start(config(folder.path()), CancellationToken::new()).await;
    let error = refused.err().expect("refused").to_string();
    assert!(error.contains("server.key"), "{error}");
}
